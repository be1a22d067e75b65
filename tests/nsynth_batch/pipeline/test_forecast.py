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
from nsynth_batch.models.wavenet.family import FAMILY
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.cost import measured_rate, products_rate
from nsynth_batch.pipeline.forecast import Forecast, forecast
from nsynth_batch.pipeline.step import Amount, Expected, Step
from nsynth_batch.pipeline.steps import ALL, step_named
from nsynth_batch.settings.settings import load_settings

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


def estimate(
    step: Step, seconds: float, shards: int = 1, workers: int = 1, dataset: Dataset | None = None
) -> Forecast:
    context = Context(load_settings({"workers": workers}), None, dry_run=True)
    return forecast(step, context, Expected(shards, Amount(0, 1, seconds)), dataset)


def test_what_was_measured_goes_before_a_rule_of_thumb(clips: Dataset) -> None:
    assert measured_rate(clips) is None
    guessed = estimate(step_named("clips"), 1, dataset=clips)
    commit(clips, seconds=60.0, wall_seconds=30.0)
    assert measured_rate(clips) == pytest.approx(2.0)
    found = estimate(step_named("clips"), 1, dataset=clips)
    assert (guessed.measured, found.measured) == (False, True)
    assert found.wall_seconds == pytest.approx(0.5)


def test_a_larger_model_takes_longer_in_proportion_to_its_sums() -> None:
    # An audio-second of the published decoder is 1.896 TFLOP.
    published, small = (
        products_rate(FAMILY.cost(config).generate, 16_000) for config in (PUBLISHED, SMALL)
    )
    assert 1 / published == pytest.approx(1.896e12 / 20e9, rel=0.01)
    assert small > 20 * published


def test_workers_share_as_far_as_there_are_shards(clips: Dataset) -> None:
    commit(clips, seconds=10.0, wall_seconds=10.0)
    times = [
        estimate(step_named("clips"), 60, 3, workers, clips).wall_seconds
        for workers in (1, 2, 3, 8)
    ]
    assert times == pytest.approx([60, 30, 20, 20])


@pytest.mark.parametrize("step", ALL, ids=lambda step: step.command)
def test_every_step_has_a_time_and_a_size(step: Step) -> None:
    one = estimate(step, 100, 2, 2)
    assert one.wall_seconds > 0
    assert one.bytes > 0
    assert not one.measured


def test_bytes_of_samples_are_near_those_of_the_file() -> None:
    # Half a minute of 16-bit samples at 16 kHz is 0.96 MB before compression.
    one = estimate(step_named("clips"), 30)
    assert 0.5e6 < one.bytes <= pa.array([0] * 480_000, pa.int16()).nbytes
