"""Two encodings to a mash-up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.errors import BadInput
from nsynth_batch.models.crossfade import shares
from nsynth_batch.settings.mash_rule import MashRule, parse_weights
from nsynth_batch.stages.mash import MashStage
from nsynth_batch.store.arrays import matrices, matrix_column
from nsynth_batch.store.mash_rows import parents_of_row
from nsynth_batch.store.schemas import ENCODINGS, MASHUPS
from tests.nsynth_batch.builders import task

STAGE = MashStage(
    encodings="0" * 16,
    seed=5,
    rule=MashRule(),
    segment_samples=99_840,
    hop=512,
    sample_rate=16_000,
)


def encodings(*frames: int) -> list[np.ndarray]:
    rng = np.random.default_rng(frames)
    return [rng.normal(size=(n, 16)).astype(np.float32) for n in frames]


def source(rows: list[np.ndarray], segments: tuple[int, ...] = (0, 3)) -> pa.Table:
    return pa.table(
        [
            pa.array([f"file-{letter}" for letter in "abcd"[: len(rows)]]),
            pa.array(segments, pa.int32()),
            pa.array([len(row) for row in rows], pa.int32()),
            matrix_column(rows),
        ],
        schema=ENCODINGS,
    )


def mash(table: pa.Table, pair: int, folder: Path, stage: MashStage = STAGE) -> dict[str, Any]:
    [batch] = stage.process(Item("pair", extra={"pair": pair}), table, task(folder))
    assert batch.schema == stage.schema
    [row] = batch.to_pylist()
    return dict(row)


def test_the_encoding_is_the_weighted_sum_cut_to_the_shorter(tmp_path: Path) -> None:
    a, b = encodings(40, 33)
    row = mash(source([a, b]), 7, tmp_path)
    w = shares(MashRule(), 2, 33, 5, 7)[1]
    assert row["frames"] == 33
    assert np.array_equal(np.float32(row["weights"]), w)
    expected = (1 - w[:, None]) * a[:33] + w[:, None] * b
    assert np.array_equal(np.float32(row["encoding"]), expected.astype(np.float32))
    assert row["seed"] == 5


def test_parents_say_where_in_their_recordings_they_begin(tmp_path: Path) -> None:
    row = mash(source(encodings(9, 9), (2, 3)), 0, tmp_path)
    assert row["a"] == {"file_id": "file-a", "segment": 2, "start_seconds": pytest.approx(12.48)}
    assert row["b"] == {"file_id": "file-b", "segment": 3, "start_seconds": pytest.approx(18.72)}


def test_the_id_follows_from_all_that_the_mash_up_follows_from(tmp_path: Path) -> None:
    table = source(encodings(9, 9))
    same = mash(table, 1, tmp_path)["mash_id"]
    assert mash(table, 1, tmp_path)["mash_id"] == same
    others = [
        mash(table, 2, tmp_path)["mash_id"],
        mash(source(encodings(9, 9), (1, 3)), 1, tmp_path)["mash_id"],
        mash(table, 1, tmp_path, replace(STAGE, seed=6))["mash_id"],
        mash(table, 1, tmp_path, replace(STAGE, rule=MashRule("linear")))["mash_id"],
        mash(table, 1, tmp_path, replace(STAGE, encodings="1" * 16))["mash_id"],
    ]
    assert len({same, *others}) == 6


def test_an_encoding_that_is_not_finite_is_bad_input(tmp_path: Path) -> None:
    rows = encodings(9, 9)
    rows[1][4, 2] = np.nan
    with pytest.raises(BadInput, match="non-finite"):
        mash(source(rows), 0, tmp_path)


def test_seconds_are_those_of_the_frames(tmp_path: Path) -> None:
    [batch] = STAGE.process(
        Item("pair", extra={"pair": 0}), source(encodings(20, 25)), task(tmp_path)
    )
    assert STAGE.seconds(batch) == pytest.approx(20 * 512 / 16_000)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 20), st.integers(0, 5))
def test_matrices_come_back_as_they_went(lengths: list[int], width: int, skip: int) -> None:
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(n, width)).astype(np.float32) for n in lengths]
    column = pa.chunked_array([matrix_column(rows), matrix_column(rows[::-1])])
    back = list(matrices(column.slice(skip)))
    expected = [*rows, *rows[::-1]][skip:]
    assert len(back) == len(expected)
    assert all(np.array_equal(x, y) for x, y in zip(back, expected, strict=True))


def test_a_mashup_as_long_as_the_longer_one_repeats_the_shorter(tmp_path: Path) -> None:
    a, b = encodings(7, 33)
    longer = mash(source([a, b]), 7, tmp_path, replace(STAGE, rule=MashRule(length="longer")))
    assert longer["frames"] == 33
    w = np.float32(longer["weights"])
    assert np.array_equal(w, shares(MashRule(), 2, 33, 5, 7)[1])
    again = np.concatenate([a, a, a, a, a])[:33]
    expected = (1 - w[:, None]) * again + w[:, None] * b
    assert np.array_equal(np.float32(longer["encoding"]), expected.astype(np.float32))
    shorter = mash(source([a, b]), 7, tmp_path)
    assert shorter["frames"] == 7
    assert shorter["mash_id"] != longer["mash_id"]


def test_rows_of_two_have_the_columns_of_every_release_and_others_columns_of_their_own() -> None:
    assert STAGE.schema.equals(MASHUPS)
    assert replace(STAGE, rule=MashRule("blend", weights=parse_weights("0.3"))).schema == MASHUPS
    slow = replace(STAGE, rule=MashRule(stretch=(1.0, 2.0)))
    for stage in (replace(STAGE, parents=3), slow):
        assert "parents" in stage.schema.names


@pytest.mark.parametrize("count", [3, 4])
def test_more_parents_each_have_their_weights(tmp_path: Path, count: int) -> None:
    rows = encodings(*range(30, 30 + count))
    table = source(rows, tuple(range(count)))
    row = mash(table, 2, tmp_path, replace(STAGE, parents=count))
    parents = parents_of_row(row)
    assert [parent.file_id for parent in parents] == [f"file-{c}" for c in "abcd"[:count]]
    assert parents[2].start_seconds == pytest.approx(12.48)
    weights = np.float32([parent.weights for parent in parents])
    assert np.array_equal(weights, shares(MashRule(), count, 30, 5, 2))
    expected = sum(w[:, None] * each[:30] for w, each in zip(weights, rows, strict=True))
    np.testing.assert_allclose(np.float32(row["encoding"]), expected, atol=1e-5)


def test_what_was_stretched_says_so(tmp_path: Path) -> None:
    stage = replace(STAGE, rule=MashRule("blend", stretch=(0.5, 2.0)))
    row = mash(source(encodings(40, 15)), 0, tmp_path, stage)
    assert row["frames"] == 20
    assert [parent.stretch for parent in parents_of_row(row)] == [0.5, 2.0]
    assert all((parent.weights == 0.5).all() for parent in parents_of_row(row))
    same = mash(source(encodings(40, 15)), 0, tmp_path, replace(STAGE, rule=MashRule("blend")))
    assert same["mash_id"] != row["mash_id"]


def test_a_stretch_that_leaves_nothing_is_bad_input(tmp_path: Path) -> None:
    stage = replace(STAGE, rule=MashRule(stretch=(0.5, 1.0)))
    with pytest.raises(BadInput, match=r"too-short: a stretch of 0.5 leaves nothing of 1 frames"):
        mash(source(encodings(1, 15)), 0, tmp_path, stage)
