"""What a run will take, before it runs: shards, seconds of audio, wall time, bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hdfs_jobs.dataset import Dataset
from nsynth_batch.nsynth.config import SAMPLE_RATE, Config, convolutions

_FLOPS_A_WORKER = 20e9
_CUT_RATE = 200.0
_MASH_RATE = 2000.0
_SAMPLE_BYTES = 2
_COMPRESSED = 0.8


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
    """

    shards: int
    seconds: float
    wall_seconds: float
    bytes: int
    measured: bool


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
    measured = _measured(dataset)
    rate = measured or estimated_rate(name, config)
    at_once = max(1, min(workers, shards))
    return Forecast(
        shards=shards,
        seconds=seconds,
        wall_seconds=seconds / rate / at_once,
        bytes=int(seconds * _bytes_a_second(name, config)),
        measured=measured is not None,
    )


def measured_rate(dataset: Dataset, config: Config) -> float:
    """Give the audio-seconds a second that a worker makes in a stage.

    Parameters
    ----------
    dataset : Dataset
        What was committed says it; where nothing was, the size of the model does.
    config : Config
        The model's sizes.
    """
    return _measured(dataset) or estimated_rate(dataset.name, config)


def _measured(dataset: Dataset | None) -> float | None:
    if dataset is None:
        return None
    totals = dataset.totals()
    if totals.seconds <= 0 or totals.wall_seconds <= 0:
        return None
    return totals.seconds / totals.wall_seconds


def estimated_rate(name: str, config: Config) -> float:
    """Give the audio-seconds a second that a worker makes by rule of thumb.

    Parameters
    ----------
    name : str
        The dataset that the stage writes.
    config : Config
        The model's sizes.
    """
    fixed: Mapping[str, float] = {"audio": _CUT_RATE, "mashups": _MASH_RATE}
    if name in fixed:
        return fixed[name]
    of_encoder = name == "encodings"
    weights = sum(
        taps * inputs * outputs
        for layer, taps, inputs, outputs in convolutions(config)
        # Conditioning is computed once a frame, not once a sample.
        if layer.startswith("ae_") == of_encoder and not layer.startswith("cond_map")
    )
    return _FLOPS_A_WORKER / (2 * weights * SAMPLE_RATE)


def _bytes_a_second(name: str, config: Config) -> float:
    frames = SAMPLE_RATE / config.ae_hop_length
    encoding = 4 * config.ae_bottleneck * frames
    sizes = {
        "audio": _COMPRESSED * _SAMPLE_BYTES * SAMPLE_RATE,
        "encodings": encoding,
        "mashups": encoding + 4 * frames,
        "clips": _COMPRESSED * _SAMPLE_BYTES * SAMPLE_RATE,
    }
    return sizes[name]
