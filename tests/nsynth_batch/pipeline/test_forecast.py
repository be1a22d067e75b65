"""Estimates: from what a store measured, else from the size of the model."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.manifest import Manifest
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.datasets.store import Store
from nsynth_batch.models.wavenet.config import CONFIGS
from nsynth_batch.pipeline.cost import measured_rate
from nsynth_batch.pipeline.forecast import forecast

SMALL, PUBLISHED = CONFIGS["small"], CONFIGS["h512_bo16"]


@pytest.fixture
def clips(tmp_path: Path) -> Dataset:
    store = Store.open(str(tmp_path / "store"), create=True)
    return store.dataset("clips", {})


def commit(dataset: Dataset, seconds: float, wall_seconds: float) -> None:
    [shard] = dataset.plan([Item("item")], 1)
    dataset.publish(
        Manifest(
            shard.number, shard.digest, "attempt", "file", 1, 1, 10, "0" * 64, seconds, wall_seconds
        )
    )


def test_what_was_measured_goes_before_a_rule_of_thumb(clips: Dataset) -> None:
    assert measured_rate(clips) is None
    guessed = forecast("clips", shards=1, seconds=1, workers=1, dataset=clips, config=SMALL)
    commit(clips, seconds=60.0, wall_seconds=30.0)
    assert measured_rate(clips) == pytest.approx(2.0)
    found = forecast("clips", shards=1, seconds=1, workers=1, dataset=clips, config=SMALL)
    assert (guessed.measured, found.measured) == (False, True)
    assert found.wall_seconds == pytest.approx(0.5)


def test_a_larger_model_takes_longer_in_proportion_to_its_sums() -> None:
    times = [
        forecast("clips", shards=1, seconds=1, workers=1, dataset=None, config=c).wall_seconds
        for c in (SMALL, PUBLISHED)
    ]
    # An audio-second of the published decoder is 1.896 TFLOP.
    assert times[1] == pytest.approx(1.896e12 / 20e9, rel=0.01)
    assert times[0] < times[1] / 20


def test_workers_share_as_far_as_there_are_shards(clips: Dataset) -> None:
    commit(clips, seconds=10.0, wall_seconds=10.0)
    times = [
        forecast("clips", shards=3, seconds=60, workers=n, dataset=clips, config=SMALL).wall_seconds
        for n in (1, 2, 3, 8)
    ]
    assert times == pytest.approx([60, 30, 20, 20])


@pytest.mark.parametrize("name", ["audio", "encodings", "mashups", "clips"])
def test_every_stage_has_a_time_and_a_size(name: str) -> None:
    one = forecast(name, shards=2, seconds=100, workers=2, dataset=None, config=SMALL)
    assert one.wall_seconds > 0
    assert one.bytes > 0
    assert not one.measured


def test_bytes_of_samples_are_near_those_of_the_file() -> None:
    # Half a minute of 16-bit samples at 16 kHz is 0.96 MB before compression.
    one = forecast("clips", shards=1, seconds=30, workers=1, dataset=None, config=SMALL)
    assert 0.5e6 < one.bytes <= pa.array([0] * 480_000, pa.int16()).nbytes
