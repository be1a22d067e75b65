"""Stages on real Dask workers, each a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dask.system import CPU_COUNT
from distributed import LocalCluster

from hdfs_jobs.canonical_json import Json
from hdfs_jobs.datasets.dataset import DRAINS, Dataset
from hdfs_jobs.datasets.plan import Item, RowRange
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import InfrastructureError, UsageError
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.events import (
    Event,
    ItemQuarantined,
    ShardCommitted,
    ShardFailed,
    ShardRetried,
    StageFinished,
    StageOutcome,
    StageStarted,
)
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.runner import run_stage
from hdfs_jobs.runs.worker import do_shard
from hdfs_jobs.storage.local import LocalStorage
from tests.hdfs_jobs.builders import job_of
from tests.hdfs_jobs.job_stages import Growing, Plain, Sums
from tests.waiting import until


def items(*wrongs: str) -> list[Item]:
    return [
        Item(f"k{n}", f"title {n}", extra={"wrong": wrong} if wrong else {})
        for n, wrong in enumerate(wrongs)
    ]


def planned(store: Store, what: list[Item], per_shard: int = 1, **settings: Json) -> Dataset:
    dataset = store.dataset("plain", settings)
    dataset.plan(what, per_shard)
    return dataset


def run(
    dataset: Dataset,
    cluster: Cluster,
    stage: Plain | None = None,
    *,
    on_event: Callable[[Event], None] | None = None,
    stop: threading.Event | None = None,
    **options: Any,
) -> StageOutcome:
    chosen = RunOptions(**{"backoff": 0.01, **options})
    return run_stage(
        dataset, stage or Plain(), cluster=cluster, options=chosen, on_event=on_event, stop=stop
    )


def test_all_shards_are_committed_and_told_of(store: Store, cluster: Cluster) -> None:
    dataset = planned(store, items(*[""] * 10, "bad"), per_shard=3)
    events: list[Event] = []
    outcome = run(dataset, cluster, on_event=events.append)
    assert events[0] == StageStarted("plain", shards=4, pending=4)
    assert events[-1] == StageFinished(outcome)
    commits = [event for event in events if isinstance(event, ShardCommitted)]
    assert [event.done for event in commits] == [1, 2, 3, 4]
    assert {event.summary for event in commits} == set(dataset.summaries())
    assert [event.reasons for event in commits if event.reasons] == [{"odd": 1}]
    (bad,) = (event for event in events if isinstance(event, ItemQuarantined))
    assert (bad.shard, bad.entry.key, bad.entry.reason) == (3, "k10", "odd")
    assert (outcome.shards, outcome.committed, outcome.items) == (4, 4, 11)
    assert (outcome.rows, outcome.seconds, outcome.quarantined) == (50, 25.0, 1)
    assert not outcome.drained
    totals = dataset.totals()
    assert (totals.shards, totals.committed, totals.items, totals.rows) == (4, 4, 11, 50)
    assert (totals.seconds, totals.quarantined) == (25.0, 1)


def test_a_dataset_that_is_held_knows_of_all_that_was_committed_since(
    store: Store, cluster: Cluster
) -> None:
    dataset = planned(store, items(*[""] * 6, "bad")).snapshot()
    other = next(iter(dataset.pending()))
    # As a worker does whose driver died.
    assert do_shard(job_of(dataset, Plain(), shard=other), 1) is not None
    assert len(dataset.pending()) == 7
    run(dataset, cluster)
    assert len(dataset.pending()) == 0
    assert dataset.totals() == store.dataset("plain", {}).totals()
    assert (dataset.totals().committed, dataset.totals().quarantined) == (7, 1)


class Untidy(LocalStorage):
    """Is away when a run wants to take its mark away."""

    def delete(self, path: str, *, recursive: bool = False) -> None:
        if path.startswith(DRAINS):
            raise OSError("away")
        super().delete(path, recursive=recursive)


def test_a_storage_that_is_away_in_the_end_does_not_hide_what_ended_the_run(
    store: Store, cluster: Cluster, traps: Path
) -> None:
    dataset = planned(Store(Untidy(store.url)), items("io until go"))
    with pytest.raises(InfrastructureError, match="1 of 1 shards not done"):
        run(dataset, cluster, Plain(traps=str(traps)), retries=0)


def test_one_worker_and_two_give_the_same_bytes(tmp_path: Path, cluster: Cluster) -> None:
    hashes: list[list[str]] = []
    with Cluster(workers=1) as single:
        for number, workers in enumerate((single, cluster)):
            store = Store.open(str(tmp_path / str(number)), create=True)
            dataset = planned(store, items(*[""] * 12, "bad"), per_shard=2)
            run(dataset, workers, window=1 if number else None)
            hashes.append([summary.sha256 for summary in dataset.summaries()])
    assert hashes[0] == hashes[1]
    assert len(set(hashes[0])) == 7


def test_a_second_run_does_nothing_and_starts_nothing(store: Store, cluster: Cluster) -> None:
    what = items("", "", "bad")
    run(planned(store, what), cluster)
    before = {entry: store.storage.read_bytes(entry.path) for entry in store.storage.walk()}
    idle = Cluster(workers=2)
    outcome = run(store.current_of("plain"), idle)
    assert not idle.started
    assert (outcome.shards, outcome.committed, outcome.items, outcome.rows) == (3, 0, 0, 0)
    after = {entry: store.storage.read_bytes(entry.path) for entry in store.storage.walk()}
    assert after == before


def test_a_deleted_manifest_is_made_again_and_read(store: Store, cluster: Cluster) -> None:
    dataset = planned(store, items("", "", ""))
    run(dataset, cluster)
    damaged = f"{dataset.path}/{dataset.manifest(1).file}"
    store.storage.replace(damaged, b"damaged")
    store.storage.delete(f"{dataset.path}/manifests/{dataset.committed()[1]}")
    assert run(store.current_of("plain"), cluster).committed == 1
    again = store.current_of("plain")
    assert damaged not in again.data_paths().values()
    assert [table.num_rows for _, table in again.tables()] == [5, 5, 5]
    assert list(again.verify()) == []


def test_new_items_are_done_and_old_ones_left_alone(store: Store, cluster: Cluster) -> None:
    run(planned(store, items(*[""] * 5), per_shard=2), cluster)
    old = {entry for entry in store.storage.walk("plain") if entry.name.startswith("0000")}
    dataset = planned(store, items(*[""] * 8), per_shard=2)
    outcome = run(dataset, cluster)
    assert (outcome.shards, outcome.committed, outcome.items) == (5, 2, 3)
    assert old <= set(store.storage.walk("plain"))
    assert [m.items for m in dataset.manifests()] == [2, 2, 1, 2, 1]


def test_whatever_goes_wrong_with_items_the_rest_is_done(
    store: Store, cluster: Cluster, traps: Path
) -> None:
    wrongs = ["", "bad", "bug", "bug once", "io once", "hang", "die", "die once", ""]
    dataset = planned(store, items(*wrongs), per_shard=2)
    events: list[Event] = []
    outcome = run(
        dataset,
        cluster,
        Plain(traps=str(traps)),
        time_limit=1.0,
        retries=2,
        on_event=events.append,
    )
    assert outcome.committed == 5
    quarantined = {
        entry.key: entry.reason
        for manifest in dataset.manifests()
        for entry in manifest.quarantined
    }
    assert quarantined == {"k1": "odd", "k2": "error", "k5": "timeout", "k6": "crash"}
    kept = {key for _, table in dataset.tables(["key"]) for key in table["key"].to_pylist()}
    assert kept == {"k0", "k3", "k4", "k7", "k8"}
    assert any(isinstance(event, ShardRetried) for event in events)
    assert list(dataset.verify()) == []


def test_infrastructure_that_stays_broken_ends_with_75(
    store: Store, cluster: Cluster, traps: Path
) -> None:
    dataset = planned(store, items("", "io until go", "", ""))
    events: list[Event] = []
    with pytest.raises(InfrastructureError, match="on fire") as error:
        run(dataset, cluster, Plain(traps=str(traps)), retries=2, on_event=events.append)
    assert error.value.exit_code == 75
    assert "1 of 4 shards not done" in str(error.value)
    assert "\n" not in str(error.value)
    assert sum(isinstance(event, ShardRetried) for event in events) == 2
    [failed] = [event for event in events if isinstance(event, ShardFailed)]
    assert (failed.shard, failed.attempt) == (1, 3)
    assert "on fire" in failed.error
    assert sorted(dataset.committed()) == [0, 2, 3]
    (traps / "go").touch()
    assert run(dataset, cluster, Plain(traps=str(traps))).committed == 1
    assert len(dataset.pending()) == 0


def test_nothing_is_tried_for_ever(store: Store, cluster: Cluster, traps: Path) -> None:
    dataset = planned(store, items(*["io until go"] * 200))
    started = time.monotonic()
    with pytest.raises(InfrastructureError, match="in a row"):
        run(dataset, cluster, Plain(traps=str(traps)), retries=1)
    assert time.monotonic() - started < 20
    assert dataset.committed() == {}


@pytest.mark.timeout(1200)  # nine processes die, and as many are started
def test_an_item_outlives_more_deaths_than_retries_if_it_gets_further(
    store: Store, cluster: Cluster
) -> None:
    dataset = planned(store, items(""))
    run(dataset, cluster, Growing(steps=9, deadly=10), retries=1)
    assert dataset.read(0)["value"].to_pylist() == [9]


def test_stages_over_upstream_rows(store: Store, cluster: Cluster) -> None:
    upstream = planned(store, items(*[""] * 6), per_shard=2)
    run(upstream, cluster)
    dataset = store.dataset("sums", {"upstream": upstream.digest})
    pairs = [
        Item(f"{a}+{b}", rows=(RowRange(a, 0, 5), RowRange(b, 4, 10)))
        for a in range(3)
        for b in range(3)
    ]
    dataset.plan(pairs, 2)
    run_stage(dataset, Sums(), upstream=upstream, cluster=cluster)
    values = [v for _, table in dataset.tables(["value"]) for v in table["value"].to_pylist()]
    assert values == [10 + 4 + 10] * 9
    threads = {m.counters["threads"] // m.items for m in dataset.manifests()}
    assert threads == {max(1, CPU_COUNT // 2)}
    ranges = [RowRange(2, 0, 1), RowRange(0, 8, 10)]
    assert upstream.read_rows(ranges, ["value"])["value"].to_pylist() == [0, 3, 4]


def test_upstream_rows_must_be_committed(store: Store, cluster: Cluster) -> None:
    upstream = planned(store, items("", ""))
    dataset = store.dataset("sums", {})
    dataset.plan([Item("a", rows=(RowRange(1, 0, 1),))], 1)
    with pytest.raises(UsageError, match="shard 1 of its upstream"):
        run_stage(dataset, Sums(), upstream=upstream, cluster=cluster)


def test_workers_must_be_what_the_settings_say(store: Store, cluster: Cluster) -> None:
    other, dataset = (
        planned(store, items("", ""), precision=kind) for kind in ("float16", "exact")
    )
    with pytest.raises(UsageError, match="float16"):
        run(other, cluster, require={"precision": "float16"})
    assert other.committed() == {}
    with pytest.raises(ValueError, match="settings"):
        run(dataset, cluster, require={"precision": "float16"})
    assert run(dataset, cluster, require={"precision": "exact"}).committed == 2


def test_an_altered_plan_is_refused_before_any_work(store: Store) -> None:
    dataset = planned(store, items("", ""))
    path = f"runs/plans/{dataset.path}/000000.jsonl.gz"
    content = store.storage.read_bytes(path)
    middle = len(content) // 2
    altered = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    store.storage.replace(path, altered)
    idle = Cluster()
    with pytest.raises(UsageError, match="plan"):
        run(store.current_of("plain"), idle)
    assert not idle.started


def test_a_stop_finishes_what_runs_and_begins_nothing(
    store: Store, cluster: Cluster, traps: Path
) -> None:
    dataset = planned(store, items(*["wait"] * 6))
    stop = threading.Event()

    def stop_when_two_run() -> None:
        until(lambda: len(list(traps.iterdir())) >= 2)
        stop.set()
        until(lambda: [*store.storage.list("runs/drain")])
        (traps / "go").touch()

    helper = threading.Thread(target=stop_when_two_run)
    helper.start()
    outcome = run(dataset, cluster, Plain(traps=str(traps)), stop=stop, window=5)
    helper.join()
    assert outcome.drained
    assert outcome.committed == len(dataset.committed()) == 2
    assert [*store.storage.list("runs/drain")] == []
    assert run(dataset, cluster, Plain(traps=str(traps))).committed == 4


def test_a_run_that_is_stopped_already_starts_nothing(store: Store) -> None:
    stop = threading.Event()
    stop.set()
    idle = Cluster()
    assert run(planned(store, items("")), idle, stop=stop).drained
    assert not idle.started


RUN_UNTIL_KILLED = """
import sys
from tests.hdfs_jobs.job_stages import Plain
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.runner import run_stage
from hdfs_jobs.datasets.store import Store

if __name__ == "__main__":
    with Cluster(workers=1) as cluster:
        dataset = Store.open(sys.argv[1]).current_of("plain")
        run_stage(dataset, Plain(traps=sys.argv[2]), cluster=cluster)
"""


def test_a_killed_run_is_taken_up_with_the_same_bytes(
    tmp_path: Path, store: Store, cluster: Cluster, traps: Path
) -> None:
    what = items("", "", "wait", "")
    dataset = planned(store, what, per_shard=1)
    script = tmp_path / "job.py"
    script.write_text(RUN_UNTIL_KILLED)
    command = [sys.executable, str(script), store.url, str(traps)]
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, env=here, start_new_session=True)
    until((traps / "seen-k2").exists, process=process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert sorted(dataset.committed()) == [0, 1]
    assert list(dataset.verify()) == []

    (traps / "go").touch()
    stage = Plain(traps=str(traps))
    assert run(dataset, cluster, stage).committed == 2
    whole = planned(Store.open(str(tmp_path / "whole"), create=True), what)
    run(whole, cluster, stage)
    found, expected = (
        [(s.shard, s.input_digest, s.rows, s.bytes, s.sha256) for s in each.summaries()]
        for each in (dataset, whole)
    )
    assert found == expected


def test_a_running_scheduler_is_used_and_left_running(store: Store) -> None:
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        resources={"DECODE": 1},
    ) as running:
        with Cluster(running.scheduler_address) as cluster:
            outcome = run(planned(store, items("", "")), cluster, resources={"DECODE": 1})
            assert outcome.committed == 2
            dataset = planned(store, items(""), n=2)
            with pytest.raises(InfrastructureError, match="no worker with 1 GPU"):
                run(dataset, cluster, resources={"GPU": 1}, patience=0.5)
        with Cluster(running.scheduler_address) as cluster:
            assert run(dataset, cluster).committed == 1


def test_a_scheduler_that_goes_away_ends_the_run(store: Store, traps: Path) -> None:
    dataset = planned(store, items("wait"))
    running = LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    )

    def close_when_it_works() -> None:
        until((traps / "seen-k0").exists)
        running.close()

    helper = threading.Thread(target=close_when_it_works)
    helper.start()
    with Cluster(running.scheduler_address) as cluster, pytest.raises(InfrastructureError):
        run(dataset, cluster, Plain(traps=str(traps)), patience=2.0, retries=0)
    helper.join()
    assert dataset.committed() == {}
