"""Phases for magnitudes, in two steps: partials are followed, then spectra are made consistent.

No phase is in an encoding. First each peak of a spectrum is taken for a partial, whose phase turns
on from the spectrum before by its frequency (Beauregard, Harish and Wyse, "Single pass spectrogram
inversion", 2015). Then a sound is sought whose spectra have these magnitudes (the fast algorithm of
Griffin and Lim: Perraudin, Balazs and Søndergaard, 2013).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.draws import Draws
from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.spectral.spectrogram import Spectra, sound, spectra
from nsynth_batch.models.weights import Array

_MOMENTUM = np.float32(0.99)
_NOTHING = np.float32(1e-12)
_TURN = np.float32(2 * np.pi)


def sound_of(config: SpectralConfig, wanted: Array, draws: Draws) -> Array:
    """Return a sound of some magnitudes.

    Parameters
    ----------
    config : SpectralConfig
    wanted : float32 [J, bins]
        Magnitudes, of a spectrum at least.
    draws : Draws
        Of the phases that the first spectrum begins with.

    Returns
    -------
    float32 [J · step]
    """
    found = followed(config, wanted, draws)
    last: Spectra | None = None
    for _ in range(config.iterations):
        again = spectra(config, sound(config, found))
        found = again if last is None else again + _MOMENTUM * (again - last)
        last = again
        size = np.abs(found)
        np.maximum(size, _NOTHING, out=size)
        found = found * (wanted / size)
    return sound(config, found)


def followed(config: SpectralConfig, wanted: Array, draws: Draws) -> Spectra:
    """Return spectra of some magnitudes, whose partials turn on from one to the next.

    Parameters
    ----------
    config : SpectralConfig
    wanted : float32 [J, bins]
    draws : Draws
        Of the phases before the first spectrum, one a bin.

    Returns
    -------
    complex64 [J, bins]
    """
    peaks, turns = _partials(config, wanted)
    phase = draws.uniform(0, config.bins) * _TURN
    phases = np.empty_like(wanted)
    for row, peak, turn in zip(phases, peaks, turns, strict=True):
        phase = np.mod(phase[peak] + turn, _TURN)
        row[:] = phase
    # A phase is that in the middle of the window, and a spectrum counts from its beginning.
    phases[:, 1::2] += np.float32(np.pi)
    found: Spectra = np.empty(wanted.shape, np.complex64)
    found.real, found.imag = wanted * np.cos(phases), wanted * np.sin(phases)
    return found


def _partials(
    config: SpectralConfig, wanted: Array
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return which peak each bin belongs to, the nearest, and how far that turns in a step.

    A peak's frequency is where a parabola through the roots of its magnitudes is highest.
    """
    bins, far = np.arange(config.bins), 4 * config.bins
    roots = np.pad(np.sqrt(wanted), ((0, 0), (1, 1)))
    left, at, right = roots[:, :-2], roots[:, 1:-1], roots[:, 2:]
    bend = left - 2 * at + right
    bent = bend < 0
    shift = np.where(bent, (left - right) / (2 * np.where(bent, bend, -1)), 0)
    turns = (bins + np.clip(shift, -0.5, 0.5)) * (_TURN * config.step / config.window)
    is_peak = (at > left) & (at >= right)
    before = np.maximum.accumulate(np.where(is_peak, bins, -far), axis=1)
    after = np.minimum.accumulate(np.where(is_peak, bins, far)[:, ::-1], axis=1)[:, ::-1]
    nearest = np.where(bins - before <= after - bins, before, after)
    # Of a spectrum without a peak each bin is its own.
    peaks = np.where((nearest < 0) | (nearest >= config.bins), bins, nearest)
    return peaks, np.take_along_axis(turns, peaks, axis=1).astype(np.float32)
