"""Mash-ups to clips."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.stage import Rejected, Task
from nsynth_batch.models.loading import memory_errors_as_usage, open_model
from nsynth_batch.models.machine import MemoryRefusedError
from nsynth_batch.models.spec import ModelSpec
from nsynth_batch.stages.decode import DecodeStage
from nsynth_batch.store.arrays import matrix_column, vectors
from sequencer.audio.samples import to_int16
from sequencer.clips.measures import measure
from tests.nsynth_batch.builders import task


@pytest.fixture
def stage(tiny: Path) -> DecodeStage:
    spec = ModelSpec(str(tiny), threads=1)
    return DecodeStage(
        spec.settled(open_model(spec).facts()), seed=7, temperature=1.0, sample_rate=16_000
    )


def source(rows: list[np.ndarray]) -> pa.Table:
    ids = pa.array([f"mash{i}" for i in range(len(rows))])
    return pa.table({"mash_id": ids, "encoding": matrix_column(rows)})


def encodings(*frames: int) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.normal(size=(n, 16)).astype(np.float32) for n in frames]


def clips(stage: DecodeStage, table: pa.Table, of: Task) -> tuple[pa.Table, list[Rejected]]:
    results = list(stage.process(Item("a batch"), table, of))
    batches = [r for r in results if isinstance(r, pa.RecordBatch)]
    rejected = [r for r in results if isinstance(r, Rejected)]
    return pa.Table.from_batches(batches, schema=stage.schema), rejected


def test_clips_are_what_the_model_decodes_with_their_measures(
    stage: DecodeStage, tiny: Path, tmp_path: Path
) -> None:
    rows = encodings(2, 3)
    table, rejected = clips(stage, source(rows), task(tmp_path))
    assert not rejected
    model = open_model(ModelSpec(str(tiny), threads=1))
    expected = model.decode(rows, seed=7, ids=["mash0", "mash1"])
    for row, samples, audio in zip(
        table.to_pylist(), vectors(table.column("samples")), expected, strict=True
    ):
        assert np.array_equal(samples, to_int16(audio))
        assert row["sample_rate"] == 16_000
        assert row["measures"] == pytest.approx(asdict(measure(audio, 16_000)))
    assert table.column("mash_id").to_pylist() == ["mash0", "mash1"]


def test_an_id_follows_from_mash_up_and_settings(stage: DecodeStage, tmp_path: Path) -> None:
    table = source(encodings(1))

    def clip_id(of: DecodeStage) -> str:
        # Each keeps its own partial results, as shards of different datasets do.
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        return str(clips(of, table, task(folder))[0].column("clip_id")[0])

    assert clip_id(stage) == clip_id(stage)
    changed = [
        replace(stage, seed=8),
        replace(stage, temperature=0.5),
        replace(stage, spec=replace(stage.spec, precision="int16")),
    ]
    assert len({clip_id(stage), *map(clip_id, changed)}) == 4


def test_one_bad_mash_up_is_set_aside_and_the_others_are_decoded(
    stage: DecodeStage, tmp_path: Path
) -> None:
    rows = encodings(1, 1, 1)
    rows[1][0, 3] = np.nan
    table, [rejected] = clips(stage, source(rows), task(tmp_path))
    assert (rejected.key, rejected.reason) == ("mash1", "non-finite")
    assert table.column("mash_id").to_pylist() == ["mash0", "mash2"]


def test_a_mash_up_that_the_model_cannot_decode_is_set_aside_and_the_others_are_kept(
    stage: DecodeStage, tmp_path: Path
) -> None:
    rows = encodings(2, 2, 2)
    good, _ = clips(stage, source(rows), task(tmp_path / "good"))
    rows[1][1:] = 3e38
    table, [rejected] = clips(stage, source(rows), task(tmp_path / "bad"))
    assert (rejected.key, rejected.reason, rejected.row) == ("mash1", "non-finite", 1)
    assert rejected.detail == "the model gave NaN or infinity for it"
    assert table.equals(pa.concat_tables([good.slice(0, 1), good.slice(2, 1)]))


def test_a_batch_decoded_before_its_task_died_is_not_decoded_again(
    stage: DecodeStage, tmp_path: Path
) -> None:
    beats: list[str] = []

    def counting() -> Task:
        return replace(task(tmp_path), heartbeat=lambda: beats.append("beat"))

    table = source(encodings(2, 2))
    first, _ = clips(stage, table, counting())
    assert beats
    beats.clear()
    again, _ = clips(stage, table, counting())
    assert not beats
    assert again.equals(first)


def test_seconds_are_those_of_the_samples(stage: DecodeStage, tmp_path: Path) -> None:
    [batch] = stage.process(Item("a batch"), source(encodings(2, 3)), task(tmp_path))
    assert stage.seconds(batch) == pytest.approx(5 * 512 / 16_000)


def test_want_of_memory_is_no_bad_input() -> None:
    with pytest.raises(UsageError, match="not enough memory"), memory_errors_as_usage():
        raise MemoryError("needs 9 GB")
    with pytest.raises(UsageError, match="lower --memory or --batch"), memory_errors_as_usage():
        raise MemoryRefusedError("the system refused it")
