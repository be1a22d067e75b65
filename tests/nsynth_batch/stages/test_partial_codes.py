"""A killed decode goes on near where it was, and makes the clips of one that was not killed."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.manifest import Manifest
from hdfs_jobs.datasets.plan import Item, RowRange
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.job import ShardJob
from hdfs_jobs.runs.stage import Partial, Task
from hdfs_jobs.runs.worker import do_shard
from nsynth_batch.models.engine import Codes
from nsynth_batch.models.loading import open_model
from nsynth_batch.models.spec import ModelSpec
from nsynth_batch.settings.choices import Precision
from nsynth_batch.stages.decode import DecodeStage
from nsynth_batch.stages.partial_codes import PartialCodes
from nsynth_batch.store.arrays import list_column, matrix_column
from nsynth_batch.store.schemas import MASHUPS, PARENT
from tests.nsynth_batch.builders import task
from tests.waiting import until

FRAMES = 900
WORKER = (
    "import pickle, sys; from hdfs_jobs.runs.worker import do_shard; "
    "do_shard(pickle.loads(sys.stdin.buffer.read()), 1)"
)


@dataclass(frozen=True)
class MadeUp:
    """Two mash-ups of random numbers, a long one and a short one."""

    name = "mashups"
    schema = MASHUPS
    row_group_rows = 1

    def process(self, item: Item, source: pa.Table, of: Task) -> Iterator[pa.RecordBatch]:
        rng = np.random.default_rng(1)
        rows = [rng.normal(size=(n, 16)).astype(np.float32) for n in (FRAMES, 3)]
        parents = [{"file_id": "f", "segment": 0, "start_seconds": 0.0}] * 2
        yield pa.record_batch(
            [
                pa.array(["long", "short"]),
                pa.array(parents, PARENT),
                pa.array(parents, PARENT),
                pa.array([0, 0], pa.int64()),
                list_column([np.ones(len(row), np.float32) for row in rows], pa.float32()),
                pa.array([len(row) for row in rows], pa.int32()),
                matrix_column(rows),
            ],
            schema=MASHUPS,
        )

    def seconds(self, batch: pa.RecordBatch) -> float:
        return 0.0

    def facts(self, threads: int) -> dict[str, str]:
        return {}


def job(dataset: Dataset, stage: object, upstream: Dataset | None = None) -> ShardJob:
    [shard] = dataset.pending()
    paths = upstream.data_paths() if upstream else {}
    storage = upstream.storage if upstream else None
    return ShardJob(dataset, shard, pickle.dumps(stage), storage, paths, {}, 60.0, False, "no", {})


def planned(
    folder: Path, tiny: Path, precision: Precision, save_seconds: float
) -> tuple[Dataset, ShardJob]:
    store = Store.open(str(folder), create=True)
    mashups = store.dataset("mashups", {})
    mashups.plan([Item("made up")], 1)
    do_shard(job(mashups, MadeUp()), 1)
    clips = store.dataset("clips", {})
    clips.plan([Item("batch", rows=(RowRange(0, 0, 2),))], 1)
    spec = ModelSpec(str(tiny), "native", precision)
    stage = DecodeStage(spec.settled(open_model(spec).facts()), 7, 1.0, 16_000, save_seconds)
    return clips, job(clips, stage, mashups)


def committed(clips: Dataset) -> tuple[pa.Table, Manifest]:
    return clips.read(0), clips.manifest(0)


@pytest.mark.parametrize("precision", get_args(Precision))
def test_a_killed_decode_goes_on_and_makes_the_same_bytes(
    tmp_path: Path, tiny: Path, precision: Precision
) -> None:
    whole, one_go = planned(tmp_path / "whole", tiny, precision, 60.0)
    do_shard(one_go, 1)
    expected, manifest = committed(whole)
    assert "resumed_samples" not in manifest.counters

    clips, shard_job = planned(tmp_path / "killed", tiny, precision, 0.2)
    process = subprocess.Popen([sys.executable, "-c", WORKER], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(pickle.dumps(shard_job))
    process.stdin.close()
    kept = tmp_path / "killed" / clips.partials
    until(lambda: list(kept.rglob("*.codes.*.arrow")), process=process)
    process.kill()
    process.wait()
    assert not clips.committed()

    do_shard(shard_job, 1)
    table, manifest = committed(clips)
    assert table.equals(expected)
    assert 0 < manifest.counters["resumed_samples"] < (FRAMES + 3) * 512
    assert not list(kept.rglob("*.arrow"))


MOST = 48_000


def partial_codes(of: Partial, name: str, mash_ids: list[str], every: float) -> PartialCodes:
    return PartialCodes(of, name, mash_ids, every, MOST)


def lengths(of: Partial, *mash_ids: str) -> list[int]:
    return [len(codes) for codes in partial_codes(of, "codes", list(mash_ids), every=0.0).load()]


def test_what_was_kept_of_other_clips_is_not_gone_on_with(tmp_path: Path) -> None:
    of = task(tmp_path).partial
    partial_codes(of, "codes", ["a", "b"], every=0.0).save([made(5), made(0)])
    assert lengths(of, "a", "b") == [5, 0]
    assert lengths(of, "a", "c") == [0, 0]


def made(samples: int) -> Codes:
    """The codes of a clip up to a sample: of another clip they would be others."""
    return (np.arange(samples) % 256 - 128).astype(np.int16)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40)), max_size=12))
def test_what_is_kept_is_what_was_made_whoever_saved_it(steps: list[tuple[int, int]]) -> None:
    """Attempts that save by turns, one of them long taken for dead, and each from where it was."""
    with tempfile.TemporaryDirectory() as folder:
        of = task(Path(folder)).partial
        attempts = {n: partial_codes(of, "codes", ["a", "b"], every=0.0) for n in range(3)}
        done = dict.fromkeys(attempts, 0)
        for n, more in steps:
            done[n] += more
            attempts[n].save([made(done[n]), made(done[n] // 2)])
        for codes in partial_codes(of, "codes", ["a", "b"], every=0.0).load():
            assert np.array_equal(codes, made(len(codes)))
            assert len(codes) <= max(done.values())


def test_a_save_holds_what_is_new_and_the_next_attempt_goes_on_behind_it(tmp_path: Path) -> None:
    of = task(tmp_path).partial
    first = partial_codes(of, "codes", ["a"], every=0.0)
    first.save([made(1000)])
    first.save([made(1010)])
    sizes = sorted(path.stat().st_size for path in tmp_path.rglob("codes.*.arrow"))
    assert len(sizes) == 2
    assert sizes[0] < sizes[1] - 900
    second = partial_codes(of, "codes", ["a"], every=0.0)
    assert np.array_equal(second.load()[0], made(1010))
    second.save([made(1500)])
    assert lengths(of, "a") == [1500]


def test_nothing_is_saved_before_it_is_time_but_when_a_clip_has_got_far(tmp_path: Path) -> None:
    of = task(tmp_path).partial
    progress = partial_codes(of, "codes", ["a", "b"], every=60.0)
    progress.save([made(MOST - 1), made(3)])
    assert lengths(of, "a", "b") == [0, 0]
    progress.save([made(MOST), made(3)])
    assert lengths(of, "a", "b") == [MOST, 3]
