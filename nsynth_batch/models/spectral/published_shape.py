"""The published shape in TensorFlow: a code for four seconds, and a pitch beside it."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from nsynth_batch.models.draws import Draws
from nsynth_batch.models.family import Tensors
from nsynth_batch.models.spectral import published_graph as graph
from nsynth_batch.models.spectral.published_config import BINS, COLUMNS, PublishedConfig
from nsynth_batch.models.spectral.published_spectrogram import (
    NO_PITCH,
    magnitudes,
    picture,
    pitch,
    sound,
)
from nsynth_batch.models.weights import Array

_LAYERS_AT_ONCE = 3
"""Of which outputs stand in memory together, each as large as the largest."""


class PublishedShape:
    """Both networks of the published shape.

    An encoding has a row each four seconds: the code, then, where the decoder is given one, the
    pitch as a MIDI number, which is rounded; one outside 0 to 127 is no pitch.

    Parameters
    ----------
    config : PublishedConfig
    tensors : mapping of str to tensors
        Its weights.
    """

    def __init__(self, config: PublishedConfig, tensors: Tensors) -> None:
        self._config, self._tensors = config, tensors
        self.network_bytes = 4 * _LAYERS_AT_ONCE * BINS * COLUMNS * config.channels

    def encode(self, audio: Array) -> Array:
        """Return the encoding [F, width] of a sound, float32 [F · hop]."""
        return np.concatenate([self._code(piece) for piece in self._pieces(audio)])

    def pictures(self, encoding: Array) -> Array:
        """Return the spectrograms that an encoding stands for, float32 [F, 512, 256]."""
        config = self._config
        made = []
        for row in encoding:
            height = row[config.latent :]
            midi = np.clip(np.rint(height), NO_PITCH, config.pitches).astype(np.int32)
            codes = tf.constant(row[None, : config.latent])
            made.append(graph.decode(config, self._tensors, codes, tf.constant(midi)).numpy())
        return np.concatenate(made)[..., 0]

    def magnitudes(self, encoding: Array) -> Array:
        """Return the magnitudes that an encoding stands for, [F · 250 + 1, 513]."""
        return magnitudes(self._config, self.pictures(encoding))

    def sound(self, wanted: Array, draws: Draws) -> Array:
        """Return a sound of some magnitudes, as loud as it can be, float32 [F · hop]."""
        return sound(self._config, wanted, draws)

    def error(self, audio: Array) -> float:
        """Return the weighted mean squared error of the spectrograms that are decoded."""
        found = self.pictures(self.encode(audio))
        wanted = np.stack([picture(self._config, piece) for piece in self._pieces(audio)])
        squares = np.square(found - wanted, dtype=np.float64)
        return float((squares * graph.frequency_weights(self._config)[:, None]).mean())

    def _code(self, piece: Array) -> Array:
        seen = tf.constant(picture(self._config, piece)[None, :, :, None])
        code: Array = graph.encode(self._config, self._tensors, seen).numpy()
        if not self._config.pitches:
            return code
        return np.pad(code, ((0, 0), (0, 1)), constant_values=pitch(self._config, piece))

    def _pieces(self, audio: Array) -> Array:
        return audio.reshape(-1, self._config.hop)
