"""What was set aside is tried again as new shards, and counts once."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.manifest import Settled
from hdfs_jobs.datasets.plan import Item, RowRange
from hdfs_jobs.datasets.retry import find_retries, open_entries
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.job import ShardJob
from hdfs_jobs.runs.stage import Counted, Rejected, Stage, Task
from hdfs_jobs.runs.worker import do_shard
from tests.hdfs_jobs.job_stages import Plain, rows_of


@dataclass(frozen=True)
class Picky(Plain):
    """Hands on its upstream rows, but for values that are refused while a file is not there."""

    refused: tuple[int, ...] = ()

    def process(
        self, item: Item, source: pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch | Rejected | Counted]:
        good = []
        for row, value in enumerate(source["value"].to_pylist()):
            if value in self.refused and not (Path(self.traps) / "go").exists():
                yield Rejected(f"{item.key}:{row}", "a row", "refused", "not this one", row)
            else:
                good.append(value)
        if good:
            yield rows_of(item.key, good)


@dataclass(frozen=True)
class Vague(Plain):
    """Refuses rows without saying which."""

    def process(
        self, item: Item, source: pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch | Rejected | Counted]:
        yield Rejected("somewhere", "a row", "lost", "nobody knows which")


def commit(dataset: Dataset, stage: Stage, upstream: Dataset | None = None) -> None:
    for shard in dataset.pending():
        paths = upstream.data_paths() if upstream else {}
        storage = upstream.storage if upstream else None
        blob = pickle.dumps(stage)
        job = ShardJob(dataset, shard, blob, storage, paths, {}, None, True, "no", {})
        do_shard(job, 1)


def retry(dataset: Dataset, reason: str | None = None) -> int:
    items = find_retries(dataset, reason).items
    return len(dataset.plan(items, 2, again=True))


def counts(dataset: Dataset) -> tuple[int, int, int]:
    totals = dataset.totals()
    return totals.items, totals.rows, totals.quarantined


def open_keys(dataset: Dataset) -> dict[str, str]:
    return {entry.key: entry.reason for _, entry in open_entries(dataset)}


@pytest.fixture
def dataset(store: Store, traps: Path) -> Dataset:
    """Two shards committed: of four items one is bad, one is odd until told, two are good."""
    wrongs = {"a": "bad", "b": "bug until go", "c": "", "d": ""}
    dataset = store.dataset("plain", {})
    items = [Item(key, key.upper(), extra={"wrong": wrong}) for key, wrong in wrongs.items()]
    dataset.plan(items, 2)
    commit(dataset, Plain(traps=str(traps)))
    return dataset


def committed_files(store: Store) -> dict[str, bytes]:
    storage = store.storage
    return {e.path: storage.read_bytes(e.path) for e in storage.walk("plain")}


def test_items_are_tried_again_as_new_shards_and_count_once(
    store: Store, dataset: Dataset, traps: Path
) -> None:
    before = committed_files(store)
    assert open_keys(dataset) == {"a": "odd", "b": "error"}
    assert counts(dataset) == (4, 10, 2)
    assert retry(dataset) == 1
    # Until it was tried again it is still in quarantine, and planned once only.
    assert counts(dataset) == (4, 10, 2)
    assert open_keys(dataset) == {"a": "odd", "b": "error"}
    assert retry(dataset) == 0
    (traps / "go").touch()
    commit(dataset, Plain(traps=str(traps)))
    assert counts(dataset) == (4, 15, 1)
    assert open_keys(dataset) == {"a": "odd"}
    assert dataset.manifest(2).settles == (Settled(0, "a"), Settled(0, "b"))
    assert dataset.shards().count_items() == 4
    after = committed_files(store)
    pointers = {"plain/latest.json"}
    assert {p: after[p] for p in before.keys() - pointers} == {
        p: before[p] for p in before.keys() - pointers
    }
    assert list(dataset.verify()) == []
    # What failed again is in quarantine under its new shard, and can be tried once more.
    assert retry(dataset) == 1
    assert next(iter(dataset.pending())).items[0].settles == (Settled(2, "a"),)
    commit(dataset, Plain(traps=str(traps)))
    assert counts(dataset) == (4, 15, 1)
    dataset.compact()
    assert counts(dataset) == (4, 15, 1)


def test_only_one_reason_is_tried_again(dataset: Dataset, traps: Path) -> None:
    (traps / "go").touch()
    found = find_retries(dataset, "nothing of the kind")
    assert (found.items, found.others) == ((), {"odd": 1, "error": 1})
    assert retry(dataset, "error") == 1
    commit(dataset, Plain(traps=str(traps)))
    assert open_keys(dataset) == {"a": "odd"}


def test_what_was_tried_again_is_not_new_to_later_plans(dataset: Dataset, traps: Path) -> None:
    retry(dataset)
    commit(dataset, Plain(traps=str(traps)))
    assert len(dataset.plan([Item(key) for key in "abcd"], 1)) == 0
    assert len(dataset.plan([Item(key) for key in "abcde"], 1)) == 1


def test_a_dry_run_shows_what_would_be_tried_again(store: Store, dataset: Dataset) -> None:
    before = list(store.storage.walk(temporary=True))
    shards = dataset.plan(find_retries(dataset).items, 1, again=True, dry_run=True)
    assert [item.key for shard in shards for item in shard.items] == ["a", "b"]
    assert list(store.storage.walk(temporary=True)) == before


def test_single_rows_are_tried_again_without_those_that_are_there(
    store: Store, traps: Path
) -> None:
    upstream = store.dataset("plain", {})
    upstream.plan([Item("x"), Item("y")], 1)
    commit(upstream, Plain())
    dataset = store.dataset("picked", {"upstream": upstream.digest})
    rows = (RowRange(0, 1, 4), RowRange(1, 0, 3))
    dataset.plan([Item("batch", rows=rows), Item("good", rows=(RowRange(1, 4, 5),))], 2)
    stage = Picky(traps=str(traps), refused=(0, 2, 3))
    commit(dataset, stage, upstream)
    assert counts(dataset) == (2, 3, 4)
    assert retry(dataset) == 1
    (shard,) = dataset.pending()
    (item,) = shard.items
    assert item.rows == (RowRange(0, 2, 3), RowRange(0, 3, 4), RowRange(1, 0, 1), RowRange(1, 2, 3))
    assert item.lost_rows == 4
    (traps / "go").touch()
    commit(dataset, stage, upstream)
    assert counts(dataset) == (2, 7, 0)
    assert dataset.read(1)["value"].to_pylist() == [2, 3, 0, 2]
    assert open_keys(dataset) == {}


def test_rows_that_do_not_say_where_they_come_from_stay(store: Store) -> None:
    dataset = store.dataset("plain", {})
    dataset.plan([Item("a")], 1)
    commit(dataset, Vague())
    found = find_retries(dataset)
    assert (found.items, found.stuck) == ((), 1)
    assert counts(dataset) == (1, 0, 1)
