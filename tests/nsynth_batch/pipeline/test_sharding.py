"""What the stages are given to do."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item, RowRange
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.stage import Task
from hdfs_jobs.runs.worker import do_shard
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.pipeline import encode, sharding
from nsynth_batch.pipeline.decode import Undecoded
from nsynth_batch.pipeline.mash import mash_items
from nsynth_batch.pipeline.pairs import PoolSegment
from nsynth_batch.pipeline.pool import take_pool
from tests.hdfs_jobs.builders import job_of
from tests.nsynth_batch.builders import ROW


@given(st.integers(0, 10**7), st.integers(1, 1000))
def test_a_shard_is_never_empty_and_never_too_large(count: int, most: int) -> None:
    size = sharding.per_shard(count, most)
    assert 1 <= size <= most
    if count <= sharding.PARTS * most:
        assert -(-count // size) <= sharding.PARTS


@given(st.integers(0, 10**6), st.integers(1, 500))
def test_a_batch_fills_the_engine_and_leaves_something_for_a_second_worker(
    mashups: int, most: int
) -> None:
    size = sharding.batch_size(mashups, most)
    assert min(most, sharding.SMALLEST_BATCH) <= size <= most
    if mashups >= 16:
        assert mashups // size >= 2
    if mashups >= 8 * most:
        assert size == most


rows = st.lists(
    st.tuples(st.integers(1, 195), st.integers(0, 3), st.integers(0, 30)),
    max_size=60,
    unique_by=lambda row: row[1:],
)


@given(rows, st.integers(1, 10))
def test_batches_hold_every_row_once_and_those_of_like_length_together(
    left: list[tuple[int, int, int]], size: int
) -> None:
    names = {shard: f"content {shard}" for shard in range(4)}
    items = list(Undecoded(tuple(sorted(left)), names).batches(size))
    frames = {(shard, row): n for n, shard, row in left}
    batches = [
        [(r.shard, row) for r in item.rows for row in range(r.start, r.stop)] for item in items
    ]
    assert sorted(row for batch in batches for row in batch) == sorted(frames)
    assert all(batch == sorted(batch) and len(batch) <= size for batch in batches)
    longest = [max(frames[row] for row in batch) for batch in batches]
    shortest = [min(frames[row] for row in batch) for batch in batches]
    assert all(a <= b for a, b in zip(longest, shortest[1:], strict=False))
    assert len({item.key for item in items}) == len(items)


def test_the_key_of_a_batch_is_its_content_and_not_its_place() -> None:
    here = Undecoded(((9, 0, 0), (9, 0, 1)), {0: "same"})
    there = Undecoded(((9, 5, 0), (9, 5, 1)), {5: "same"})
    other = Undecoded(((9, 0, 0), (9, 0, 1)), {0: "other"})
    keys = [next(left.batches(2)).key for left in (here, there, other)]
    assert keys[0] == keys[1] != keys[2]


def test_a_pair_is_two_rows_a_first() -> None:
    a, b = PoolSegment("a", 1, 2, 3, 195), PoolSegment("b", 4, 5, 6, 195)
    [_, item] = mash_items([(b, a), (a, b)])
    assert item.rows == (RowRange(2, 3, 4), RowRange(5, 6, 7))
    assert item.extra == {"pair": 1}


def test_a_task_is_ten_minutes_long_or_four_clips() -> None:
    assert sharding.most_at_once(6.0, rate=0.2) == 20
    assert sharding.most_at_once(6.0, rate=0.01) == 4


def test_pairs_from_one_on_keep_their_numbers() -> None:
    pairs = [(PoolSegment("a", n, 0, n, 9), PoolSegment("b", n, 0, n, 9)) for n in range(5)]
    assert list(mash_items(pairs, 3)) == list(mash_items(pairs))[3:]


IDS = [letter * 40 for letter in "abc"]


@dataclass(frozen=True)
class Rows:
    """A stage that makes some segments of each recording, or an encoding of each segment."""

    name: str
    segments: int = 0

    row_group_rows = 16
    schema = pa.schema([("file_id", pa.string()), ("segment", pa.int32()), ("frames", pa.int32())])

    def process(
        self, item: Item, source: BinaryIO | pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch]:
        made = [(item.key, n) for n in range(self.segments)]
        if isinstance(source, pa.Table):
            made = [(row["file_id"], row["segment"]) for row in source.to_pylist()]
        rows = [{"file_id": key, "segment": n, "frames": 195} for key, n in made]
        yield pa.RecordBatch.from_pylist(rows, schema=self.schema)

    def seconds(self, batch: pa.RecordBatch) -> float:
        return float(len(batch))

    def facts(self, threads: int) -> dict[str, str]:
        return {}


class Catalog(UserDict[str, Recording]):
    """Recordings that count how often one is looked up."""

    looked_up = 0

    def __getitem__(self, key: str) -> Recording:
        self.looked_up += 1
        return super().__getitem__(key)


@pytest.fixture
def cut(tmp_path: Path) -> tuple[Dataset, Dataset]:
    """Three recordings of 130 segments in one shard of audio, and no encodings."""
    store = Store.open(str(tmp_path), create=True)
    audio = store.dataset("audio", {})
    audio.plan([Item(file_id, url="raw") for file_id in IDS], 3)
    (tmp_path / "raw").touch()
    do_shard(job_of(audio, Rows("audio", 130)), 1)
    return audio, store.dataset("encodings", {})


def catalog(*deleted: str) -> Catalog:
    return Catalog({f: replace(ROW, file_id=f, deleted=f in deleted) for f in IDS})


def encoded(audio: Dataset, encodings: Dataset, known: Catalog) -> list[str]:
    """Plan and encode; give the keys of what was new."""
    items = encode.encode_items(audio, encodings, known)
    encodings.plan(items, 10)
    for shard in list(encodings.pending()):
        do_shard(job_of(encodings, Rows("encodings"), shard=shard, upstream=audio), 1)
    return [item.key for item in items]


def test_what_was_forgotten_is_encoded_once_it_is_back(cut: tuple[Dataset, Dataset]) -> None:
    parts = ("0-63", "64-127", "128-129")
    assert encoded(*cut, catalog(IDS[1])) == [f"{f}:{p}" for f in (IDS[0], IDS[2]) for p in parts]
    assert encoded(*cut, catalog(IDS[1])) == []
    assert encoded(*cut, catalog()) == [f"{IDS[1]}:{part}" for part in parts]
    encodings = cut[1]
    known = catalog()
    pool = take_pool(encodings, known, allow_unknown=False)
    assert [(s.file_id, s.segment) for s in pool.segments] == [
        (file_id, segment) for file_id in IDS for segment in range(130)
    ]
    assert known.looked_up == 3
    assert (len(encodings.shards()), pool.encoded_rows) == (2, 390)


def test_a_shard_that_is_planned_whole_is_not_opened(
    cut: tuple[Dataset, Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = catalog()
    assert len(encoded(*cut, known)) == 9
    assert known.looked_up == 3
    monkeypatch.delattr(Dataset, "read")
    assert encoded(*cut, catalog()) == []


def test_no_row_is_planned_twice_if_runs_are_cut_elsewhere(
    cut: tuple[Dataset, Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded(*cut, catalog(IDS[1]))
    monkeypatch.setattr(encode, "MOST_SEGMENTS", 100)
    assert encoded(*cut, catalog()) == [f"{IDS[1]}:{part}" for part in ("0-49", "50-99", "100-129")]
