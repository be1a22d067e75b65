"""The pool of a seed as a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from nsynth_batch.pipeline.pairs import PoolSegment
from nsynth_batch.pipeline.pool import Pool, Shortest, load_pool, pool_path, save_pool

POOL = Pool((PoolSegment("ab" * 20, 1, 2, 3, 195, ("music", "nature")),), 4)


@pytest.fixture
def mashups(tmp_path: Path) -> Dataset:
    return Store.open(str(tmp_path), create=True).dataset("mashups", {})


def test_a_pool_comes_back_as_it_was_kept(mashups: Dataset) -> None:
    assert load_pool(mashups) is None
    save_pool(mashups, POOL)
    assert load_pool(mashups) == POOL


def test_what_was_left_out_is_kept_and_a_pool_of_an_earlier_release_is_known(
    mashups: Dataset, tmp_path: Path
) -> None:
    pool = replace(POOL, least_seconds=2.0, too_short=5, short_recordings=("cd" * 20,))
    save_pool(mashups, pool)
    assert load_pool(mashups) == pool
    file = tmp_path / pool_path(mashups)
    old = pq.read_table(file).replace_schema_metadata({b"encoded_rows": b"4"})
    pq.write_table(old, file)
    assert load_pool(mashups) == POOL


FRAME = 0.032


def segments(*lengths: float, category: str = "music") -> list[PoolSegment]:
    """A segment of so many seconds of as many recordings."""
    return [
        PoolSegment(f"{category} {at}", 0, 0, at, round(seconds / FRAME), (category,))
        for at, seconds in enumerate(lengths)
    ]


def test_segments_below_two_seconds_are_left_out_where_enough_are_longer() -> None:
    def least(every: list[PoolSegment], *, seconds: float | None = None, **how: Any) -> float:
        return Shortest(seconds, FRAME, **how).least(every)

    few, many = segments(0.4, 1.0, 3.0, 3.0, 3.0), segments(0.4, 3.0, 3.0, 3.0, 3.0)
    assert least(few) == 0
    assert least(many) == 2
    assert least(few, seconds=0.5) == 0.5
    assert least(many, seconds=0) == 0
    birds = segments(0.4, 3.0, category="Birds")
    assert least([*many, *birds]) == 2
    assert least([*many, *birds], categories=("music", "birds")) == 0
    many_birds = segments(0.4, 3.0, 3.0, 3.0, 3.0, category="Birds")
    assert least([*many, *many_birds], categories=("Music", "birds")) == 2


@given(seconds=st.integers(0, 5000).map(lambda n: n / 100), hop=st.sampled_from([256, 512, 640]))
def test_a_length_in_frames_is_no_shorter_and_no_frame_longer(seconds: float, hop: int) -> None:
    frame = hop / 16_000
    frames = Shortest(None, frame).frames(seconds)
    assert frames * frame >= seconds - 1e-6
    assert (frames - 1) * frame < seconds or frames == 0


def test_a_damaged_pool_is_named_and_not_to_be_tried_again(
    mashups: Dataset, tmp_path: Path
) -> None:
    save_pool(mashups, POOL)
    file = tmp_path / pool_path(mashups)
    whole = file.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"PAR1" + bytes(len(whole) - 8) + b"PAR1"):
        file.write_bytes(content)
        with pytest.raises(UsageError, match=rf"{file} cannot be read \(.*\): restore it .*--seed"):
            load_pool(mashups)


def test_another_table_is_no_pool(mashups: Dataset, tmp_path: Path) -> None:
    save_pool(mashups, POOL)
    file = tmp_path / pool_path(mashups)
    without_count = pq.read_table(file).replace_schema_metadata({})
    for table in (pa.table({"a": [1]}), without_count):
        pq.write_table(table, file)
        with pytest.raises(UsageError, match=rf"{file} is no pool"):
            load_pool(mashups)
