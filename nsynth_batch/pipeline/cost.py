"""How fast the stages go and how much they write: measured, or by rule of thumb."""

from __future__ import annotations

from hdfs_jobs.datasets.dataset import Dataset
from nsynth_batch.models.family import Cost, family_named
from nsynth_batch.models.model import LoadedModel

_FLOPS_A_WORKER = 20e9

SAMPLE_BYTES = 1.6
"""Bytes that a sample of int16 takes in a shard: about 0.8 of it stays when compressed."""

_MIX_BYTES = 4
"""Bytes of the share of B in a frame of a mash-up."""


def measured_rate(dataset: Dataset) -> float | None:
    """Return the audio-seconds a second that a worker made; None if nothing was made."""
    totals = dataset.totals()
    if totals.seconds <= 0 or totals.wall_seconds <= 0:
        return None
    return totals.seconds / totals.wall_seconds


def encoder_rate(model: LoadedModel) -> float:
    """Return the audio-seconds a second that a worker encodes, by rule of thumb."""
    return products_rate(_cost(model).encode, model.sample_rate)


def decoder_rate(model: LoadedModel) -> float:
    """Return the audio-seconds a second that a worker decodes, by rule of thumb."""
    return products_rate(_cost(model).generate, model.sample_rate)


def products_rate(products: int, sample_rate: int) -> float:
    """Return the audio-seconds a second that a worker makes, by rule of thumb.

    Parameters
    ----------
    products : int
        Multiply-adds of a sample.
    sample_rate : int
        Samples a second.
    """
    return _FLOPS_A_WORKER / (2 * products * sample_rate)


def encoding_bytes(model: LoadedModel) -> float:
    """Return the bytes of the encoding of a second."""
    return _cost(model).encoding_bytes * model.sample_rate


def mix_bytes(model: LoadedModel) -> float:
    """Return the bytes of a second of a mash-up: its encoding, and a share of B a frame."""
    return encoding_bytes(model) + _MIX_BYTES * model.sample_rate / model.hop


def _cost(model: LoadedModel) -> Cost:
    return family_named(model.family).cost(model.config)
