"""What a run will take, before it runs: shards, seconds of audio, wall time, bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.store import MARKER, Store
from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.models.wavenet.config import SAMPLE_RATE, Config
from nsynth_batch.pipeline import sharding
from nsynth_batch.pipeline.cost import bytes_a_second, estimated_rate, measured_rate
from nsynth_batch.pipeline.model import RunModel
from nsynth_batch.pipeline.step import Work
from nsynth_batch.pipeline.steps import Pipeline
from nsynth_batch.settings import Settings


@dataclass(frozen=True)
class Forecast:
    """What one stage has left to do.

    Attributes
    ----------
    shards
        Shards to commit.
    seconds
        Of audio in them.
    wall_seconds
        How long that takes with the workers there are.
    bytes
        What it adds to the store.
    measured
        Whether the time rests on what this store has measured, or on a rule of thumb.
    room
        What a task takes, of the stage that decodes.
    """

    shards: int
    seconds: float
    wall_seconds: float
    bytes: int
    measured: bool
    room: str = ""


@dataclass(frozen=True)
class _Left:
    """What a stage has left to do; `inputs` are recordings for audio and segments after it."""

    shards: int = 0
    inputs: int = 0
    seconds: float = 0.0

    def __add__(self, other: _Left) -> _Left:
        return _Left(
            self.shards + other.shards, self.inputs + other.inputs, self.seconds + other.seconds
        )


def forecast(
    name: str,
    *,
    shards: int,
    seconds: float,
    workers: int,
    dataset: Dataset | None,
    config: Config,
) -> Forecast:
    """Estimate a stage.

    Parameters
    ----------
    name : str
        The dataset it writes.
    shards : int
        Left to commit.
    seconds : float
        Of audio in them.
    workers : int
        That share the work.
    dataset : Dataset or None
        Whose committed shards say how fast it went so far.
    config : Config
        The model's sizes.
    """
    measured = None if dataset is None else measured_rate(dataset)
    rate = measured or estimated_rate(name, config)
    at_once = max(1, min(workers, shards))
    return Forecast(
        shards=shards,
        seconds=seconds,
        wall_seconds=seconds / rate / at_once,
        bytes=int(seconds * bytes_a_second(name, config)),
        measured=measured is not None,
    )


def forecast_run(
    settings: Settings, stages: Sequence[str], source: tuple[int, float] | None = None
) -> dict[str, Forecast]:
    """Forecast some stages of a run, without doing any of it.

    Parameters
    ----------
    settings : Settings
        What to do.
    stages : sequence of str
        Datasets to complete, in order.
    source : (int, float), optional
        Recordings and seconds of a source that is harvested first; all are taken for new.

    Returns
    -------
    dict of str to Forecast
        By dataset.

    Raises
    ------
    UsageError
        If there is nothing that the first stage could work on, or decoding needs more memory than
        a worker may take.
    """
    store = None
    if source is None or open_storage(settings.store).exists(MARKER):
        store = Store.open(settings.store)
    models = RunModel(settings)
    config = models.encoder.config
    coming = _Left(0, *(source or (0, 0.0)))
    forecasts = {}
    for name in stages:
        work = None
        if store is not None:
            try:
                work = Pipeline(settings, store, models=models, dry_run=True).plan(name)
            except UsageError:
                # What an earlier stage of this run will have made may be all that is missing.
                if not coming.inputs:
                    raise
        left = _left(name, work, coming, settings, models)
        forecasts[name] = forecast(
            name,
            shards=left.shards,
            seconds=left.seconds,
            workers=settings.workers,
            dataset=None if work is None else work.dataset,
            config=config,
        )
        if name == "clips" and left.inputs:
            forecasts[name] = replace(forecasts[name], room=_room(left, settings, models))
        coming = left if name != "audio" else _segments(left, settings)
    return forecasts


def _room(left: _Left, settings: Settings, models: RunModel) -> str:
    """Say what a decode task takes, by the mean length of the mash-ups that are left."""
    batch = settings.batch or models.batch_size(left.inputs, left.seconds)
    samples = round(left.seconds / left.inputs * SAMPLE_RATE)
    return models.memory_note(min(batch, left.inputs), samples)


def _left(
    name: str, work: Work | None, coming: _Left, settings: Settings, models: RunModel
) -> _Left:
    if name == "mashups":
        return _pairs_left(work, coming, settings)
    planned = _Left() if work is None else _planned(work, settings)
    if name == "clips":
        batch = settings.batch or models.batch_size(coming.inputs, coming.seconds)
        shards = -(-coming.inputs // batch)
    else:
        most = sharding.MOST_RECORDINGS if name == "audio" else sharding.MOST_SEGMENTS
        shards = _shards(coming.inputs, most)
    return planned + replace(coming, shards=shards)


def _planned(work: Work, settings: Settings) -> _Left:
    """Give what the plan of a stage holds beyond what is committed."""
    dataset = work.dataset
    shards = len(dataset.pending()) + len(work.new)
    if work.upstream is None:
        recordings = Pipeline(settings, Store.open(settings.store)).recordings
        keys = [
            item.key
            for part in (dataset.pending(), work.new)
            for shard in part
            for item in shard.items
        ]
        return _Left(shards, len(keys), sum(recordings[key].duration or 0.0 for key in keys))
    before, done = work.upstream.totals(), dataset.totals()
    return _Left(
        shards,
        max(0, before.rows - done.rows - done.quarantined),
        max(0.0, before.seconds - done.seconds) if shards else 0.0,
    )


def _pairs_left(work: Work | None, coming: _Left, settings: Settings) -> _Left:
    done = _Left()
    seconds_a_row = [settings.segment_seconds]
    if work is not None and work.upstream is not None:
        totals, before = work.dataset.totals(), work.upstream.totals()
        done = _Left(inputs=totals.rows + totals.quarantined)
        if before.rows:
            seconds_a_row.append(before.seconds / before.rows)
    elif coming.inputs:
        seconds_a_row.append(coming.seconds / coming.inputs)
    pairs = max(0, settings.pairs - done.inputs)
    shards = _shards(pairs, sharding.MOST_PAIRS, sharding.MASH_PARTS)
    return _Left(shards, pairs, pairs * min(seconds_a_row))


def _segments(recordings: _Left, settings: Settings) -> _Left:
    """Turn recordings into the segments that they are cut to; each may leave a shorter tail."""
    whole = int(recordings.seconds / settings.segment_seconds)
    return _Left(0, whole + recordings.inputs, recordings.seconds)


def _shards(rows: int, most: int, parts: int = sharding.PARTS) -> int:
    return -(-rows // sharding.per_shard(rows, most, parts))
