"""Sound to spectra and back: a Hann window of several steps, a frame in the middle of its spectra.

Every function takes one sound: what comes out depends on nothing that is beside it in a batch.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.weights import Array

Spectra = npt.NDArray[np.complex64]

_LEAST_OVERLAP = 1e-3
"""Of the window's square: beyond the last whole overlap nothing is divided by less."""

_WEIGHTS = ((1200.0, 4.0), (4000.0, 2.0))
"""Up to these frequencies an error weighs so much, and 1 above: there are pitches and partials."""


def spectra(config: SpectralConfig, audio: Array) -> Spectra:
    """Return the spectra of a sound, each around the middle of its step.

    Parameters
    ----------
    config : SpectralConfig
    audio : float32 [T], T a multiple of the step

    Returns
    -------
    complex64 [T / step, bins]
    """
    before = (config.window - config.step) // 2
    padded = np.pad(audio, (before, config.window - config.step - before))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, config.window)[:: config.step]
    # NumPy computes in float32 where it has to divide, and in more, for thrice as long, where not.
    scaled = pieces * (_window(config.window) * np.float32(config.window))
    return np.fft.rfft(scaled, norm="forward").astype(np.complex64, copy=False)


def sound(config: SpectralConfig, given: Spectra) -> Array:
    """Return the sound whose spectra are nearest to some, in the sense of least squares.

    Parameters
    ----------
    config : SpectralConfig
    given : complex64 [J, bins]

    Returns
    -------
    float32 [J · step]
    """
    window, step = _window(config.window), config.step
    count, overlaps = len(given), config.window // config.step
    pieces = np.fft.irfft(given, config.window).astype(np.float32, copy=False)
    pieces *= window
    made = np.zeros((count + overlaps - 1, step), np.float32)
    weight = np.zeros_like(made)
    square = np.square(window)
    for k in range(overlaps):
        part = slice(k * step, (k + 1) * step)
        made[k : k + count] += pieces[:, part]
        weight[k : k + count] += square[part]
    made /= np.maximum(weight, _LEAST_OVERLAP)
    before = (config.window - step) // 2
    return made.reshape(-1)[before : before + count * step]


def features(config: SpectralConfig, audio: Array) -> Array:
    """Return what the encoder reads of a sound: cube roots of magnitudes, a row a frame.

    Cube roots stand where a logarithm might: they hold partials as well and make little of what
    is too soft to hear, so that an encoding is not spent on it.

    Parameters
    ----------
    config : SpectralConfig
    audio : float32 [T], T a multiple of the hop

    Returns
    -------
    float32 [T / hop, frame]
    """
    return np.cbrt(np.abs(spectra(config, audio))).reshape(-1, config.frame)


def magnitudes(config: SpectralConfig, given: Array) -> Array:
    """Return the magnitudes that a decoder's output stands for.

    What is below 0 is silence, and nothing is louder than a full-scale sound can be.

    Parameters
    ----------
    config : SpectralConfig
    given : float32 [F, frame]

    Returns
    -------
    float32 [F · steps, bins]
    """
    most = np.float32(np.cbrt(config.window))
    return np.clip(given, 0, most).reshape(-1, config.bins) ** 3


@lru_cache(maxsize=4)
def bin_weights(config: SpectralConfig) -> Array:
    """Return what an error of each magnitude of a frame weighs, float32 [frame]; the sum is 1."""
    hertz = np.fft.rfftfreq(config.window, 1 / config.sample_rate)
    each = np.ones(config.bins)
    for limit, weight in reversed(_WEIGHTS):
        each[hertz <= limit] = weight
    whole = np.tile(each, config.steps)
    return np.asarray(whole / whole.sum(), np.float32)


@lru_cache(maxsize=4)
def _window(size: int) -> Array:
    """Return a periodic Hann window."""
    return np.hanning(size + 1)[:-1].astype(np.float32)
