"""Segments to encodings."""

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
from hdfs_jobs.runs.stage import Counted, Rejected
from nsynth_batch.models.loading import open_model
from nsynth_batch.models.spec import ModelSpec
from nsynth_batch.stages.encode import EncodeStage, equal_lengths
from nsynth_batch.store.arrays import list_column, matrices
from nsynth_batch.store.schemas import AUDIO
from sequencer.audio.samples import from_int16, to_int16
from tests.nsynth_batch.builders import task
from tests.nsynth_batch.recordings import tone

HOP = 512


def stage(tiny: Path, batch: int = 2) -> EncodeStage:
    return EncodeStage(ModelSpec(str(tiny)), HOP, batch, 16_000)


def source(lengths: list[int]) -> pa.Table:
    rows = [to_int16(tone(1.0, 200 + 40 * i)[:n]) for i, n in enumerate(lengths)]
    return pa.table(
        [
            pa.array(["the-id"] * len(rows)),
            pa.array(range(len(rows)), pa.int32()),
            pa.array([0.0] * len(rows)),
            list_column(rows, pa.int16()),
        ],
        schema=AUDIO,
    )


def results(of: EncodeStage, table: pa.Table, folder: Path) -> tuple[list[Any], list[Rejected]]:
    rows, rejected = [], []
    for result in of.process(Item("the-id:0-9"), table, task(folder)):
        if isinstance(result, Rejected):
            rejected.append(result)
        else:
            assert result.schema == of.schema
            rows.append(result)
    return rows, rejected


def test_each_segment_is_encoded_as_the_model_does_alone(tiny: Path, tmp_path: Path) -> None:
    table = source([4 * HOP, 4 * HOP, 4 * HOP, 3 * HOP])
    batches, rejected = results(stage(tiny), table, tmp_path)
    assert not rejected
    written = pa.Table.from_batches(batches)
    assert written.column("segment").to_pylist() == [0, 1, 2, 3]
    assert written.column("frames").to_pylist() == [4, 4, 4, 3]
    model = open_model(ModelSpec(str(tiny), threads=1))
    for row, encoding in enumerate(matrices(written.column("encoding"))):
        samples = np.int16(table.column("samples")[row].as_py())
        alone = model.encode(from_int16(samples)[None])[0]
        assert encoding == pytest.approx(alone, rel=1e-4, abs=1e-5)
    assert sum(stage(tiny).seconds(batch) for batch in batches) == pytest.approx(15 * HOP / 16_000)


def test_what_stands_beside_a_recording_changes_none_of_its_bytes(
    tiny: Path, tmp_path: Path
) -> None:
    of = stage(tiny)
    assert results(of, source([4 * HOP, 3 * HOP]), tmp_path) == results(
        of, source([4 * HOP, 3 * HOP]), tmp_path
    )


def test_a_segment_shorter_than_a_hop_is_set_aside_and_the_rest_goes_on(
    tiny: Path, tmp_path: Path
) -> None:
    batches, [rejected] = results(stage(tiny), source([2 * HOP, HOP - 1]), tmp_path)
    assert (rejected.key, rejected.reason) == ("the-id:1", "too-short")
    assert pa.Table.from_batches(batches).column("segment").to_pylist() == [0]


def test_facts_name_all_that_the_bytes_depend_on(tiny: Path) -> None:
    facts = stage(tiny).facts(1)
    assert {"checkpoint", "engine", "precision", "instruction_set"} <= facts.keys()
    assert all(isinstance(value, str) for value in facts.values())


@given(st.lists(st.integers(1, 3), max_size=30), st.integers(1, 5))
def test_runs_are_of_one_length_and_keep_the_order(lengths: list[int], most: int) -> None:
    groups = list(equal_lengths(lengths, most))
    assert [row for group in groups for row in group] == list(range(len(lengths)))
    assert all(len({lengths[row] for row in group}) == 1 for group in groups)
    assert all(0 < len(group) <= most for group in groups)


def test_a_tail_shorter_than_the_models_hop_is_counted_and_each_group_is_a_sign_of_life(
    tiny: Path, tmp_path: Path
) -> None:
    beats: list[str] = []
    of = replace(task(tmp_path), heartbeat=lambda: beats.append("beat"))
    found = list(stage(tiny).process(Item("i"), source([1000, 1000, 1000, 512]), of))
    tails = [result for result in found if isinstance(result, Counted)]
    assert sum(tail.n for tail in tails) == 3 * (1000 - 512)
    assert {tail.name for tail in tails} == {"dropped_samples"}
    assert len(beats) == 3
