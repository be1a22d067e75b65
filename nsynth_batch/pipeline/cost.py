"""How fast the stages go and how much they write: measured, or by rule of thumb."""

from __future__ import annotations

from hdfs_jobs.datasets.dataset import Dataset
from nsynth_batch.models.wavenet.config import SAMPLE_RATE, Config, convolutions

_FLOPS_A_WORKER = 20e9

SAMPLE_BYTES = 1.6
"""Bytes that a sample of int16 takes in a shard: about 0.8 of it stays when compressed."""


def measured_rate(dataset: Dataset) -> float | None:
    """Return the audio-seconds a second that a worker made; None if nothing was made."""
    totals = dataset.totals()
    if totals.seconds <= 0 or totals.wall_seconds <= 0:
        return None
    return totals.seconds / totals.wall_seconds


def encoder_rate(config: Config) -> float:
    """Return the audio-seconds a second that a worker encodes, by rule of thumb."""
    return _rate(config, of_encoder=True)


def decoder_rate(config: Config) -> float:
    """Return the audio-seconds a second that a worker decodes, by rule of thumb."""
    return _rate(config, of_encoder=False)


def encoding_bytes(config: Config) -> float:
    """Return the bytes of the encoding of a second."""
    return 4 * config.ae_bottleneck * _frames(config)


def mix_bytes(config: Config) -> float:
    """Return the bytes of a second of a mash-up: its encoding, and a float32 a frame."""
    return encoding_bytes(config) + 4 * _frames(config)


def _frames(config: Config) -> float:
    return SAMPLE_RATE / config.ae_hop_length


def _rate(config: Config, *, of_encoder: bool) -> float:
    weights = sum(
        taps * inputs * outputs
        for layer, taps, inputs, outputs in convolutions(config)
        # Conditioning is computed once a frame, not once a sample.
        if layer.startswith("ae_") == of_encoder and not layer.startswith("cond_map")
    )
    return _FLOPS_A_WORKER / (2 * weights * SAMPLE_RATE)
