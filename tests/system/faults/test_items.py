"""Items that end the process that does them: who is blamed, after how many deaths."""

from __future__ import annotations

import os
from pathlib import Path

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.stage import Stage
from hdfs_jobs.runs.time_limit import TIMED_OUT
from tests.hdfs_jobs.builders import SETTINGS, in_a_process, job_of, planned, wrong
from tests.hdfs_jobs.job_stages import Bytes, Growing, Plain, Saving
from tests.system.faults.points import FaultyStorage


def deaths_until_done(dataset: Dataset, stage: Stage, limit: float | None = None) -> list[int]:
    ends: list[int] = []
    while len(dataset.pending()) and len(ends) < 10:
        ends.append(in_a_process(job_of(dataset, stage, time_limit=limit)))
    return ends


def test_an_item_that_kills_its_process_is_blamed_in_the_end(store: Store) -> None:
    dataset = planned(store, [wrong("a"), wrong("b", "die"), wrong("c")])
    assert deaths_until_done(dataset, Plain()) == [-9, -9, -9, 0]
    (entry,) = dataset.manifest(0).quarantined
    assert (entry.key, entry.reason) == ("b", "crash")
    assert dataset.read(0).num_rows == 10
    assert not store.storage.exists(
        f"{dataset.partials}/00000000-{dataset.manifest(0).input_digest}"
    )


def test_an_item_that_gets_further_each_time_is_not_blamed(store: Store) -> None:
    dataset = planned(store, [wrong("a")])
    assert deaths_until_done(dataset, Growing(steps=6)) == [-9] * 6 + [0]
    assert dataset.manifest(0).quarantined == ()
    assert dataset.read(0)["value"].to_pylist() == [6]


def test_an_item_that_gets_no_further_is_blamed_in_the_end(store: Store) -> None:
    dataset = planned(store, [wrong("a")])
    assert deaths_until_done(dataset, Growing(steps=6, deadly=4)) == [-9] * 5 + [0]
    (entry,) = dataset.manifest(0).quarantined
    assert (entry.key, entry.reason) == ("a", "crash")


def test_a_process_that_dies_by_chance_blames_nobody(store: Store, traps: Path) -> None:
    dataset = planned(store, [wrong("a", "die once"), wrong("b", "die once")])
    assert deaths_until_done(dataset, Plain(traps=str(traps))) == [-9, -9, 0]
    assert dataset.manifest(0).quarantined == ()
    assert dataset.read(0).num_rows == 10


def test_the_time_limit_ends_the_process(store: Store) -> None:
    dataset = planned(store, [wrong("a", "hang"), wrong("b"), wrong("c", "hang")])
    assert deaths_until_done(dataset, Plain(), 0.6) == [70, 70, 0]
    manifest = dataset.manifest(0)
    assert [(entry.key, entry.reason) for entry in manifest.quarantined] == [
        ("a", "timeout"),
        ("c", "timeout"),
    ]
    assert dataset.read(0)["key"].to_pylist() == ["b"] * 5


def test_an_item_that_is_given_more_time_is_tried_again(store: Store) -> None:
    dataset = planned(store, [wrong("a", "hang"), wrong("b")])
    assert in_a_process(job_of(dataset, Plain(), time_limit=0.3)) == TIMED_OUT
    assert in_a_process(job_of(dataset, Plain(), time_limit=0.6)) == TIMED_OUT
    assert in_a_process(job_of(dataset, Plain(), time_limit=0.4)) == 0
    (entry,) = dataset.manifest(0).quarantined
    assert (entry.reason, entry.detail) == ("timeout", "took more than 0.6 seconds")


def test_a_mark_of_less_time_than_now_blames_nobody(store: Store) -> None:
    dataset = planned(store, [wrong("a", "slow but alive")])
    assert in_a_process(job_of(dataset, Plain(), time_limit=0.1)) == TIMED_OUT
    assert deaths_until_done(dataset, Plain(), 60.0) == [0]
    assert dataset.manifest(0).quarantined == ()


def test_a_storage_that_does_not_answer_is_no_fault_of_an_item(store: Store) -> None:
    dataset = planned(store, [wrong("a"), wrong("b")])
    hanging = Dataset(
        FaultyStorage(store.storage, "data file: half written", fault="hang"), "plain", SETTINGS
    )
    stage = Plain(row_group_rows=2)
    assert in_a_process(job_of(hanging, stage, time_limit=0.6, stall=0.3)) == TIMED_OUT
    assert deaths_until_done(dataset, stage, 0.6) == [0]
    assert dataset.manifest(0).quarantined == ()


def test_a_source_that_does_not_open_is_no_fault_of_its_item(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "pipe.bin"
    os.mkfifo(source)
    dataset = planned(store, [Item("a", url=str(source))])
    assert in_a_process(job_of(dataset, Bytes(), time_limit=0.6, stall=0.3)) == TIMED_OUT
    source.unlink()
    source.write_bytes(bytes([1, 2]))
    assert deaths_until_done(dataset, Bytes(), 0.6) == [0]
    assert dataset.manifest(0).quarantined == ()


def test_the_time_limit_ends_a_process_that_holds_the_interpreter(store: Store) -> None:
    dataset = planned(store, [wrong("a", "hang, interpreter locked"), wrong("b")])
    assert deaths_until_done(dataset, Plain(), 0.6) == [1, 1, 1, 0]
    (entry,) = dataset.manifest(0).quarantined
    assert (entry.key, entry.reason) == ("a", "crash")
    assert dataset.read(0)["key"].to_pylist() == ["b"] * 5


def test_an_item_that_shows_progress_has_the_time_it_takes(store: Store) -> None:
    dataset = planned(store, [wrong("a", "slow but alive")])
    assert deaths_until_done(dataset, Plain(), 1.0) == [0]
    assert dataset.manifest(0).quarantined == ()
    assert dataset.manifest(0).wall_seconds > 1.5


def test_partial_results_outlive_a_death_and_not_the_commit(store: Store) -> None:
    dataset = planned(store, [wrong("a")])
    assert deaths_until_done(dataset, Saving()) == [-9, 0]
    assert dataset.read(0)["value"].to_pylist() == [42]
    assert [*store.storage.walk("runs/partial")] == []
