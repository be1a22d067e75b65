"""One shard, done in this process."""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from hdfs_jobs.datasets.plan import Item, RowRange, Shard
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.attempts import marks_folder
from hdfs_jobs.runs.job import SHOWN_ENTRIES, partials_folder
from hdfs_jobs.runs.worker import do_shard
from hdfs_jobs.storage.local import LocalStorage
from tests.hdfs_jobs.builders import SETTINGS, job_of, kinds_of_files, planned, wrong
from tests.hdfs_jobs.job_stages import Bytes, Plain, Sums
from tests.waiting import until


def test_a_shard_becomes_rows_and_a_manifest(store: Store) -> None:
    dataset = planned(store, [wrong("a"), wrong("b", "bad"), wrong("c")])
    result = do_shard(job_of(dataset, Plain()), threads=1)
    manifest = dataset.manifest(0)
    assert result.summary == manifest.summary()
    assert manifest.facts == {"engine": "plain", "precision": "exact"}
    assert manifest.settings == SETTINGS
    assert manifest.counters == {"batches": 6}
    assert (manifest.items, manifest.rows, manifest.seconds) == (3, 10, 5.0)
    table = dataset.read(0)
    assert table["key"].to_pylist() == ["a"] * 5 + ["c"] * 5
    assert table["value"].to_pylist() == list(range(5)) * 2
    assert len(dataset.pending()) == 0
    assert list(dataset.verify()) == []
    assert not store.storage.exists(dataset.partials + "/00000000-" + manifest.input_digest)


def test_bad_input_is_quarantined_at_once_and_leaves_no_row(store: Store) -> None:
    dataset = planned(store, [wrong("a", "bad")])
    result = do_shard(job_of(dataset, Plain()), threads=1)
    (entry,) = result.quarantined
    assert (entry.key, entry.title, entry.reason) == ("a", "title of a", "odd")
    assert entry.detail == "title of a is odd"
    assert dataset.read(0).num_rows == 0
    (file,) = store.storage.list(dataset.quarantine)
    (line,) = store.storage.read_bytes(file.path).splitlines()
    written = json.loads(line)
    assert written["stage"] == "plain"
    assert written["reason"] == "odd"
    assert written["error"] == "BadInput"


def test_a_bug_is_tried_again_and_quarantined_at_last(store: Store, traps: Path) -> None:
    stage = Plain(traps=str(traps))
    dataset = planned(store, [wrong("a", "bug"), wrong("b", "bug once"), wrong("c")])
    with pytest.raises(ZeroDivisionError):
        do_shard(job_of(dataset, stage), threads=1)
    assert len(dataset.pending()) == 1
    result = do_shard(job_of(dataset, stage, last=True), threads=1)
    (entry,) = result.quarantined
    assert (entry.key, entry.reason, entry.error) == ("a", "error", "ZeroDivisionError")
    assert result.summary.rows == 10


def test_an_os_error_is_never_quarantined(store: Store, traps: Path) -> None:
    dataset = planned(store, [wrong("a", "io until go")])
    for last in (False, True):
        with pytest.raises(OSError, match="on fire"):
            do_shard(job_of(dataset, Plain(traps=str(traps)), last=last), threads=1)
    assert kinds_of_files(store.storage) == [
        f"plain/{dataset.digest}/settings.json",
        "plain/latest.json",
        f"runs/plans/{dataset.path}/000000.jsonl.gz",
        "store.json",
    ]


def test_streams(store: Store, tmp_path: Path) -> None:
    odd = tmp_path / "odd #1\n100%.bin"
    odd.write_bytes(bytes([1, 2, 255, 4]))
    (tmp_path / "empty").touch()
    paths = [odd, tmp_path / "empty"]
    dataset = planned(store, [Item(path.name, path.name, url=str(path)) for path in paths])
    result = do_shard(job_of(dataset, Bytes()), threads=1)
    found = {(entry.key, entry.reason, entry.error) for entry in result.quarantined}
    assert found == {
        (f"{odd.name}:2", "too-high", "Rejected"),
        ("empty", "empty", "BadInput"),
    }
    assert dataset.read(0)["value"].to_pylist() == [1, 2, 4]
    assert dataset.manifest(0).counters == {"bytes": 4}


def test_of_many_rows_set_aside_the_first_are_told_and_all_are_counted(store: Store) -> None:
    store.storage.publish("raw/many.bin", bytes([255] * 300))
    dataset = planned(store, [Item("many", url="raw/many.bin"), Item("gone", url="raw/empty.bin")])
    store.storage.publish("raw/empty.bin", b"")
    result = do_shard(job_of(dataset, Bytes()), threads=1)
    assert len(result.quarantined) == SHOWN_ENTRIES
    assert result.reasons == {"too-high": 300, "empty": 1}


@pytest.mark.parametrize("url", ["raw/missing.bin", "/nowhere/missing.bin"])
def test_a_missing_file_is_quarantined_by_name(store: Store, url: str) -> None:
    dataset = planned(store, [Item("key", "sub/take 1.bin", url=url)])
    result = do_shard(job_of(dataset, Bytes()), threads=1)
    (entry,) = result.quarantined
    assert (entry.key, entry.title, entry.reason) == ("key", "sub/take 1.bin", "missing")
    assert entry.detail.endswith("missing.bin is missing since it was planned")
    assert entry.detail.startswith("/")
    assert dataset.read(0).num_rows == 0


@pytest.mark.parametrize("last", [False, True])
def test_a_file_that_storage_fails_to_read_is_never_quarantined(store: Store, last: bool) -> None:
    (Path(store.url) / "folder.bin").mkdir()
    dataset = planned(store, [Item("key", "folder.bin", url="folder.bin")])
    with pytest.raises(IsADirectoryError):
        do_shard(job_of(dataset, Bytes(), last=last), threads=1)
    assert len(dataset.pending()) == 1
    assert list(store.storage.walk(dataset.quarantine)) == []


def test_a_path_inside_the_store_holds_when_the_store_has_moved(tmp_path: Path) -> None:
    before = Store.open(str(tmp_path / "before"), create=True)
    before.storage.publish("raw/odd #1 100%.bin", bytes([1, 2]))
    outside = tmp_path / "outside.bin"
    outside.write_bytes(bytes([3]))
    urls = ["raw/odd #1 100%.bin", str(outside), outside.as_uri()]
    planned(before, [Item(url, url=url) for url in urls])
    (tmp_path / "before").rename(tmp_path / "after")
    dataset = Store.open(str(tmp_path / "after")).current_of("plain")
    assert dataset is not None
    do_shard(job_of(dataset, Bytes()), threads=1)
    assert dataset.read(0)["value"].to_pylist() == [1, 2, 3, 3]


def test_tables_of_upstream_rows(store: Store) -> None:
    upstream = planned(store, [wrong("a"), wrong("b"), wrong("c")])
    do_shard(job_of(upstream, Plain()), threads=1)
    dataset = store.dataset("sums", {"upstream": upstream.digest})
    first = Item("first", rows=(RowRange(0, 3, 5), RowRange(0, 1, 2)))
    dataset.plan([first, Item("all", rows=(RowRange(0, 0, 15),))], 2)
    do_shard(job_of(dataset, Sums(), upstream=upstream), threads=3)
    assert dataset.read(0)["value"].to_pylist() == [3 + 4 + 1, 30]
    assert dataset.manifest(0).counters == {"threads": 6}
    with pytest.raises(UsageError, match="upstream"):
        planned_without = store.dataset("sums", {"upstream": "none"})
        planned_without.plan([first], 1)
        do_shard(job_of(planned_without, Sums()), threads=1)


def test_an_item_set_aside_whole_counts_as_the_rows_lost_with_it(store: Store) -> None:
    upstream = planned(store, [wrong("a"), wrong("b")])
    do_shard(job_of(upstream, Plain()), threads=1)
    dataset = store.dataset("plain", {"upstream": upstream.digest})
    bad = {"wrong": "bad"}
    batch = Item("batch", rows=(RowRange(0, 0, 3), RowRange(0, 5, 10)), extra=bad)
    pair = Item("pair", rows=(RowRange(0, 0, 1), RowRange(0, 9, 10)), extra=bad, counts_as=1)
    dataset.plan([batch, pair, wrong("file", "bad"), wrong("good")], 4)
    result = do_shard(job_of(dataset, Plain(), upstream=upstream), threads=1)
    assert result is not None
    assert [entry.rows for entry in dataset.manifest(0).quarantined] == [8, 1, 1]
    assert result.summary.quarantined == dataset.totals().quarantined == 10


def test_a_worker_that_differs_from_the_plan_refuses(store: Store) -> None:
    dataset = planned(store, [wrong("a")])
    for require in ({"precision": "float16"}, {"instruction_set": "AVX-512"}):
        with pytest.raises(UsageError, match=next(iter(require.values()))):
            do_shard(job_of(dataset, Plain(), require=require), threads=1)
    assert len(dataset.pending()) == 1
    do_shard(job_of(dataset, Plain(), require={"precision": "exact"}), threads=1)
    assert len(dataset.pending()) == 0


def test_a_second_time_does_nothing(store: Store) -> None:
    dataset = planned(store, [wrong("a"), wrong("b", "bad")])
    job = job_of(dataset, Plain())
    first = do_shard(job, threads=1)
    before = {entry: store.storage.read_bytes(entry.path) for entry in store.storage.walk()}
    assert do_shard(job, threads=1) == first
    after = {entry: store.storage.read_bytes(entry.path) for entry in store.storage.walk()}
    assert after == before


def test_of_two_who_commit_one_wins(store: Store, traps: Path) -> None:
    dataset = planned(store, [wrong("a", "bad"), wrong("b", "wait")])
    job = job_of(dataset, Plain(traps=str(traps)))
    with ProcessPoolExecutor(2, multiprocessing.get_context("forkserver")) as pool:
        both = [pool.submit(do_shard, job, 1) for _ in range(2)]
        until(lambda: len([*store.storage.list(dataset.path, temporary=True)]) >= 3)
        (traps / "go").touch()
        results = [future.result() for future in both]
    assert results[0] == results[1]
    assert results[0].summary == dataset.manifest(0).summary()
    assert list(dataset.verify()) == []
    files = [entry.name for entry in store.storage.list(dataset.path) if not entry.is_dir]
    assert sorted(files) == sorted([results[0].summary.file, "settings.json"])
    assert len([*store.storage.list(dataset.quarantine)]) == 1


def test_an_attempt_after_a_death_is_alone_in_its_process(store: Store, traps: Path) -> None:
    dataset = planned(store, [wrong("a", "wait"), wrong("b"), wrong("c"), wrong("d")], 1)
    first, second, third, fourth = dataset.shards()
    left = f"{marks_folder(partials_folder(dataset, third))}/begin-of-one-that-died"
    store.storage.publish(left, b"")

    def committed() -> list[int]:
        return [summary.shard for summary in dataset.summaries()]

    with ThreadPoolExecutor(4) as pool:
        done = []

        def begin(shard: Shard) -> None:
            job = job_of(dataset, Plain(traps=str(traps)), shard=shard)
            done.append(pool.submit(do_shard, job, 1))

        begin(first)
        until((traps / "seen-a").exists)
        begin(second)
        done[-1].result(60)
        begin(third)
        time.sleep(0.5)  # what must not happen gets the time for it
        begin(fourth)
        time.sleep(0.5)  # and this one, too
        # The third waits for the first, and nothing new begins beside them.
        assert committed() == [1]
        (traps / "go").touch()
        for future in done:
            future.result(60)
    assert committed() == [0, 1, 2, 3]


def test_nothing_begins_once_the_run_is_drained(store: Store) -> None:
    dataset = planned(store, [wrong("a")])
    job = job_of(dataset, Plain())
    store.storage.publish(job.drain, b"")
    assert do_shard(job, threads=1) is None
    assert len(dataset.pending()) == 1


def test_an_unfinished_write_is_never_read(store: Store, traps: Path) -> None:
    dataset = planned(store, [wrong("a", "wait")])
    job = job_of(dataset, Plain(traps=str(traps)))
    worker = threading.Thread(target=do_shard, args=(job, 1))
    worker.start()
    until((traps / "seen-a").exists)
    assert (list(dataset.tables()), dataset.totals().committed) == ([], 0)
    (traps / "go").touch()
    worker.join()
    assert LocalStorage(store.url).read_bytes("store.json")
    assert [number for number, _ in dataset.tables()] == [0]
