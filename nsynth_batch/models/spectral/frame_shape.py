"""The shape of frames: a code each few spectra, of cube roots of their magnitudes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

import numpy as np

from nsynth_batch.models.draws import Draws
from nsynth_batch.models.spectral.config import DECODER, ENCODER, SpectralConfig
from nsynth_batch.models.spectral.network import run
from nsynth_batch.models.spectral.phase import sound_of
from nsynth_batch.models.spectral.shape import AnyConfig
from nsynth_batch.models.spectral.spectrogram import bin_weights, features, magnitudes
from nsynth_batch.models.weights import Array, Weights

Network = Callable[[str, Array], Array]
"""Runs the encoder or the decoder on one sound's frames, float32 [F, channels]."""


class FrameShape:
    """Both networks of frames.

    Parameters
    ----------
    config : SpectralConfig
    network : callable
        Runs one of them.
    """

    network_bytes = 0
    """Nothing beside what finding phases takes."""

    def __init__(self, config: SpectralConfig, network: Network) -> None:
        self._config, self._network = config, network

    @classmethod
    def in_numpy(cls, weights: Weights[AnyConfig]) -> FrameShape:
        """Return the networks of some weights of this shape, in NumPy."""
        config = cast(SpectralConfig, weights.config)
        return cls(config, partial(run, config, dict(weights.tensors)))

    def encode(self, audio: Array) -> Array:
        """Return the encoding [F, width] of a sound, float32 [F · hop]."""
        return self._network(ENCODER, features(self._config, audio))

    def decoded(self, encoding: Array) -> Array:
        """Return the cube roots of magnitudes that an encoding stands for, float32 [F, frame]."""
        return self._network(DECODER, encoding)

    def magnitudes(self, encoding: Array) -> Array:
        """Return the magnitudes that an encoding stands for, [F · steps, bins]."""
        return magnitudes(self._config, self.decoded(encoding))

    def sound(self, wanted: Array, draws: Draws) -> Array:
        """Return a sound of some magnitudes, float32 [F · hop]."""
        return sound_of(self._config, wanted, draws)

    def error(self, audio: Array) -> float:
        """Return the weighted mean squared error of what is decoded, of cube roots."""
        apart = self.decoded(self.encode(audio)) - features(self._config, audio)
        return float((np.square(apart, dtype=np.float64) @ bin_weights(self._config)).mean())
