"""From which recordings rows are derived: the rules, and rows that are read by them."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item, RowRange
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.stage import Task
from hdfs_jobs.runs.worker import ShardJob, do_shard
from nsynth_batch.store.derived import derived_rows
from nsynth_batch.store.lineage import (
    Columns,
    Corpus,
    Derivations,
    ItemKey,
    Lineage,
    Link,
    corpus_path,
    pending_recordings,
)
from nsynth_batch.store.schemas import PARENT

MASHED = Columns(("a.file_id", "b.file_id"))
SCHEMAS = {
    "audio": pa.schema([("file_id", pa.string())]),
    "mashups": pa.schema([("mash_id", pa.string()), ("a", PARENT), ("b", PARENT)]),
    "clips": pa.schema(
        [("clip_id", pa.string()), ("mash_id", pa.string()), ("prime", pa.string())]
    ),
}

ids = st.sampled_from("abcdef")
pairs = st.lists(st.tuples(ids, ids), max_size=20)


def mashups(rows: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [
        {"mash_id": f"m{n}", "a": {"file_id": a}, "b": {"file_id": b}}
        for n, (a, b) in enumerate(rows)
    ]


@given(pairs, st.sets(ids))
def test_rows_of_two_parents_are_found_by_either(
    rows: list[tuple[str, str]], wanted: set[str]
) -> None:
    table = pa.Table.from_pylist(mashups(rows), schema=SCHEMAS["mashups"])
    assert MASHED.file_ids(table) == rows
    expected = [n for n, row in enumerate(rows) if wanted & {*row}]
    assert MASHED.rows_of(wanted, table).to_pylist() == expected
    assert MASHED.names == ["a", "b"]


def test_a_parent_that_is_null_is_none() -> None:
    table = pa.table({"file_id": pa.array(["a", None])})
    rule = Columns(("file_id",))
    assert rule.file_ids(table) == [("a",), ()]
    assert rule.rows_of({"a"}, table).to_pylist() == [0]


@dataclass(frozen=True)
class Given:
    """A stage that writes the rows that its item holds."""

    name: str
    row_group_rows = 16

    @property
    def schema(self) -> pa.Schema:
        return SCHEMAS[self.name]

    def process(self, item: Item, source: pa.Table, task: Task) -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pylist(list(item.extra["rows"]), schema=self.schema)

    def seconds(self, batch: pa.RecordBatch) -> float:
        return float(len(batch))

    def facts(self, threads: int) -> dict[str, str]:
        return {}


def write(dataset: Dataset, rows: list[dict[str, Any]]) -> Dataset:
    [shard] = dataset.plan([Item("rows", extra={"rows": rows})], 1)
    stage = pickle.dumps(Given(dataset.name))
    do_shard(ShardJob(dataset, shard, stage, None, {}, {}, None, False, "no", {}), 1)
    return dataset


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path / "store"), create=True)


@pytest.fixture
def mashed(store: Store) -> Dataset:
    return write(store.dataset("mashups", {}), mashups([("x", "y"), ("y", "z"), ("z", "z")]))


def found(
    store: Store, rule: Lineage, dataset: Dataset, *file_ids: str
) -> list[tuple[str, set[str]]]:
    rows = Derivations(store, lambda _: rule, file_ids).rows(dataset)
    return [(row_id, set(parents)) for row_id, parents in rows]


def test_columns_of_the_table_itself(store: Store, mashed: Dataset) -> None:
    assert found(store, MASHED, mashed, "y") == [("", {"y"}), ("", {"y"})]
    assert found(store, MASHED, mashed) == []


def test_a_link_leads_to_the_rows_that_rows_were_made_from(store: Store, mashed: Dataset) -> None:
    rows = [{"clip_id": f"c{n}", "mash_id": f"m{n}"} for n in (2, 1, 0)]
    clips = write(store.dataset("clips", {"mashups": mashed.digest}), rows)
    rule = Link("mashups", "mash_id", MASHED, row_id="clip_id")
    assert found(store, rule, clips, "y", "z") == [
        ("c2", {"z"}), ("c1", {"y", "z"}), ("c0", {"y"}),
    ]  # fmt: skip
    assert found(store, rule, clips, "x") == [("c0", {"x"})]
    store.storage.delete(mashed.path, recursive=True)
    with pytest.raises(UsageError, match=f"{mashed.path} is missing"):
        found(store, rule, clips, "x")


def test_all_rows_of_a_model_are_derived_from_its_corpus(store: Store) -> None:
    rows = [{"clip_id": "c0", "prime": "x"}, {"clip_id": "c1"}]
    made_by = {"trained_on": "1" * 16, "checkpoint": "abc"}
    clips = write(store.dataset("clips", made_by), rows)
    rule = Corpus("trained_on", "clip_id", primes=Columns(("prime",)))
    with pytest.raises(UsageError, match=r"corpora/1{16}\.parquet is missing.*train the model"):
        found(store, rule, clips, "x")
    with store.storage.create(corpus_path("1" * 16)) as stream:
        pq.write_table(pa.table({"file_id": ["y", "z"]}), stream)
    assert found(store, rule, clips, "y") == [("c0", {"y"}), ("c1", {"y"})]
    assert found(store, rule, clips, "x") == [("c0", {"x"})]
    assert found(store, rule, clips, "w") == []
    # The model is named of what it was trained on, and not of what a clip of it goes on from.
    derived = derived_rows(store, lambda _: rule, ["x", "y", "w"], ["clips"])
    assert {name: one.models for name, one in derived.items()} == {"x": [], "y": ["abc"], "w": []}


def test_what_is_planned_names_its_recordings(store: Store, mashed: Dataset) -> None:
    audio = store.dataset("audio", {})
    audio.plan([Item("x"), Item("y")], 1)
    assert pending_recordings(audio, None, ItemKey()) == {"x", "y"}
    clips = store.dataset("clips", {})
    first, last = RowRange(0, 0, 1), RowRange(0, 2, 3)
    clips.plan([Item("batch", rows=(first, last))], 1)
    assert pending_recordings(clips, mashed, MASHED) == {"x", "y", "z"}
    other = store.dataset("clips", {"n": 1})
    other.plan([Item("batch", rows=(last,))], 1)
    assert pending_recordings(other, mashed, MASHED) == {"z"}
