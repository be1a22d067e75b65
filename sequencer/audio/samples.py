"""Samples as numbers: from one rate to another, and between float and int16."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

Samples = npt.NDArray[np.float32]


def require_mono(samples: npt.NDArray[Any]) -> None:
    """Refuse the channels of a sound where one channel is wanted.

    Raises
    ------
    ValueError
        If the array has more than one axis; the message says how to mix it.

    Examples
    --------
    >>> require_mono(np.zeros((2, 48_000)))
    Traceback (most recent call last):
        ...
    ValueError: one sound is wanted, mono [samples], not of shape (2, 48000); \
samples.mean(axis=0) mixes channels to one
    """
    shape = np.shape(samples)
    if len(shape) == 1:
        return
    advice = ""
    if len(shape) == 2:
        axis = 0 if shape[0] <= shape[1] else 1
        advice = f"; samples.mean(axis={axis}) mixes channels to one"
    raise ValueError(f"one sound is wanted, mono [samples], not of shape {shape}{advice}")


class Resampler:
    """One soxr stream (HQ) whose output length is exact.

    The whole output has ``resampled_length(frames, source_rate, target_rate)`` samples, and they
    do not depend on how the input was cut into blocks.

    Parameters
    ----------
    source_rate, target_rate : int
        In Hz. Equal rates pass the samples through untouched.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self._rates = (source_rate, target_rate)
        self._stream = (
            None
            if source_rate == target_rate
            else soxr.ResampleStream(source_rate, target_rate, 1, dtype="float32", quality="HQ")
        )
        self._taken = 0
        self._given = 0

    def add(self, samples: Samples) -> Samples:
        """Add float32 samples [n]; return the output that is ready, float32 [m]."""
        self._taken += len(samples)
        if self._stream is None:
            return samples
        out: Samples = self._stream.resample_chunk(samples)
        self._given += len(out)
        return out

    def finish(self) -> Samples:
        """Return the rest, float32 [m]; the stream is used up."""
        if self._stream is None:
            return np.zeros(0, np.float32)
        rest: Samples = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        missing = resampled_length(self._taken, *self._rates) - self._given
        if len(rest) < missing:
            rest = np.concatenate([rest, np.zeros(missing - len(rest), np.float32)])
        return rest[:missing]


def resampled_length(frames: int, source_rate: int, target_rate: int) -> int:
    """Frames after resampling: ``frames · target / source``, rounded, halves up."""
    return (2 * frames * target_rate + source_rate) // (2 * source_rate)


def to_int16(samples: npt.NDArray[np.floating]) -> npt.NDArray[np.int16]:
    """Turn float samples (full scale ±1) into int16: x · 32768, halves to even, clipped.

    The factor is libsndfile's, so 16-bit samples that were only read come back unchanged.
    """
    return quantised(samples, 16).astype(np.int16)


def quantised(
    samples: npt.NDArray[np.floating], bits: int, noise: npt.NDArray[np.floating] | float = 0.0
) -> npt.NDArray[np.int32]:
    """Turn float samples (full scale ±1) into whole numbers of so many bits.

    Parameters
    ----------
    samples : ndarray
        Of any shape.
    bits : int
        2 to 32.
    noise : ndarray or float
        In steps, added before rounding.

    Returns
    -------
    ndarray, int32
        Of the same shape; halves go to even, what is beyond full scale is clipped.
    """
    full = 1 << (bits - 1)
    scaled = samples.astype(np.float64)
    scaled *= full
    scaled += noise
    np.rint(scaled, out=scaled)
    np.clip(scaled, -full, full - 1, out=scaled)
    return scaled.astype(np.int32)


def from_int16(samples: npt.NDArray[np.int16]) -> Samples:
    """Turn int16 samples into float32 with full scale ±1, exactly."""
    scaled: Samples = samples.astype(np.float32) / np.float32(32768.0)
    return scaled
