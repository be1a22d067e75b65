"""How fast the stages go and how much they write: measured, or by rule of thumb."""

from __future__ import annotations

from collections.abc import Mapping

from hdfs_jobs.datasets.dataset import Dataset
from nsynth_batch.models.wavenet.config import SAMPLE_RATE, Config, convolutions

_FLOPS_A_WORKER = 20e9
_CUT_RATE = 200.0
_MASH_RATE = 2000.0
_SAMPLE_BYTES = 2
_COMPRESSED = 0.8


def measured_rate(dataset: Dataset) -> float | None:
    """Give the audio-seconds a second that a worker made in a stage; none if it made nothing."""
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


def bytes_a_second(name: str, config: Config) -> float:
    """Give the bytes that a second of audio takes in a dataset, about."""
    frames = SAMPLE_RATE / config.ae_hop_length
    encoding = 4 * config.ae_bottleneck * frames
    sizes = {
        "audio": _COMPRESSED * _SAMPLE_BYTES * SAMPLE_RATE,
        "encodings": encoding,
        "mashups": encoding + 4 * frames,
        "clips": _COMPRESSED * _SAMPLE_BYTES * SAMPLE_RATE,
    }
    return sizes[name]
