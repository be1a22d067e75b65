"""Phases for magnitudes: the fast algorithm of Griffin and Lim (Perraudin et al., 2013).

No phase is in an encoding. A sound is sought whose spectra have these magnitudes: spectra are made
sound and spectra again, and keep the phases alone, with a step on from where they come from.
"""

from __future__ import annotations

import numpy as np

from nsynth_batch.models.draws import Draws
from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.spectral.spectrogram import Spectra, sound, spectra
from nsynth_batch.models.weights import Array

_MOMENTUM = np.float32(0.99)
_NOTHING = np.float32(1e-12)


def griffin_lim(config: SpectralConfig, wanted: Array, draws: Draws) -> Array:
    """Return a sound of some magnitudes.

    Parameters
    ----------
    config : SpectralConfig
    wanted : float32 [J, bins]
        Magnitudes.
    draws : Draws
        Of the phases that are begun with.

    Returns
    -------
    float32 [J · step]
    """
    angles = draws.uniform(0, wanted.size).reshape(wanted.shape) * np.float32(2 * np.pi)
    found: Spectra = np.empty(wanted.shape, np.complex64)
    found.real, found.imag = wanted * np.cos(angles), wanted * np.sin(angles)
    last: Spectra | None = None
    for _ in range(config.iterations):
        again = spectra(config, sound(config, found))
        found = again if last is None else again + _MOMENTUM * (again - last)
        last = again
        size = np.abs(found)
        np.maximum(size, _NOTHING, out=size)
        found = found * (wanted / size)
    return sound(config, found)
