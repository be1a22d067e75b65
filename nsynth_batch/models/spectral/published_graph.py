"""The networks of the published shape in TensorFlow, and what they learn by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from nsynth_batch.models.family import Loss, Tensor, Tensors
from nsynth_batch.models.spectral.config import DECODER, ENCODER
from nsynth_batch.models.spectral.published_config import (
    BINS,
    EMBEDDING,
    Layer,
    PublishedConfig,
    is_last,
    layers,
)
from nsynth_batch.models.weights import Array

_LEAK, _EPSILON = 0.1, 1e-3
_PEAK, _LEVEL_HZ = 10.0, 4000.0
"""An error at 0 Hz weighs so much, falling to 1 at this frequency, and 1 above."""


@dataclass
class Moments:
    """Means and variances of a batch, by the names of the tensors that keep their averages.

    Given to a network, it normalises by what is in the batch; without, by the averages.
    """

    found: dict[str, Any] = field(default_factory=dict)


def encode(
    config: PublishedConfig, tensors: Tensors, pictures: Tensor, moments: Moments | None = None
) -> Tensor:
    """Return the codes of spectrograms.

    Parameters
    ----------
    config : PublishedConfig
    tensors : mapping of str to tensors
    pictures : float32 [B, 512, 256, 1]
    moments : Moments, optional
        Where learning: filled with the batch's own.

    Returns
    -------
    float32 [B, latent]
    """
    state = pictures
    for layer in layers(config, ENCODER):
        state = _convolved(tensors, layer, state, moments, transposed=False)
    return state[:, 0, 0, :]


def decode(
    config: PublishedConfig,
    tensors: Tensors,
    codes: Tensor,
    pitches: Tensor,
    moments: Moments | None = None,
) -> Tensor:
    """Return the spectrograms of codes.

    Parameters
    ----------
    config : PublishedConfig
    tensors : mapping of str to tensors
    codes : float32 [B, latent]
    pitches : int32 [B]
        MIDI numbers; another number is no pitch. Not read where the model has none.
    moments : Moments, optional
        Where learning: filled with the batch's own.

    Returns
    -------
    float32 [B, 512, 256, 1], from 0 to 1
    """
    state = codes
    if config.pitches:
        chosen = tf.one_hot(pitches, config.pitches)
        state = tf.concat([codes, tf.matmul(chosen, tensors[EMBEDDING])], 1)
    state = state[:, None, None, :]
    for layer in layers(config, DECODER):
        state = _convolved(tensors, layer, state, moments, transposed=not is_last(layer))
    return tf.sigmoid(state)


def error(config: PublishedConfig, tensors: Tensors, pictures: Tensor, pitches: Tensor) -> Loss:
    """Return the squared error of a batch's spectrograms, low frequencies weighing more.

    Norms are of this batch, so that all crops of a step are to be in it.

    Parameters
    ----------
    config : PublishedConfig
    tensors : mapping of str to tensors
    pictures : float32 [B, 512, 256, 1]
    pitches : float32 [B]
        MIDI numbers.

    Returns
    -------
    Loss
        The weighted mean over a spectrogram, summed over B, with the batch's moments.
    """
    moments = Moments()
    codes = encode(config, tensors, pictures, moments)
    found = decode(config, tensors, codes, tf.cast(pitches, tf.int32), moments)
    squares = tf.square(found - pictures) * frequency_weights(config)[:, None, None]
    count = pictures.shape[0]
    return Loss(tf.reduce_mean(squares) * count, count, averaged=moments.found)


def frequency_weights(config: PublishedConfig) -> Array:
    """Return what an error in each bin weighs, float32 [512]."""
    hertz = np.arange(BINS) * config.sample_rate / (2 * BINS)
    level = int(np.count_nonzero(hertz < _LEVEL_HZ))
    falling = np.linspace(_PEAK, 1.0, level)
    return np.concatenate([falling, np.ones(BINS - level)]).astype(np.float32)


def _convolved(
    tensors: Tensors, layer: Layer, state: Tensor, moments: Moments | None, *, transposed: bool
) -> Tensor:
    weights = tensors[f"{layer.name}/weights"]
    if transposed:
        rows, height, width = tf.shape(state)[0], state.shape[1], state.shape[2]
        size = [rows, height * layer.stride[0], width * layer.stride[1], layer.made]
        state = tf.nn.conv2d_transpose(state, weights, size, layer.stride, "SAME")
    else:
        state = tf.nn.conv2d(state, weights, layer.stride, "SAME")
    if not layer.normed:
        return state + tensors[f"{layer.name}/biases"]
    norm = f"{layer.name}/BatchNorm"
    names = f"{norm}/moving_mean", f"{norm}/moving_variance"
    if moments is None:
        mean, variance = (tensors[name] for name in names)
    else:
        mean, variance = tf.nn.moments(state, [0, 1, 2])
        moments.found |= dict(zip(names, (mean, variance), strict=True))
    state = (state - mean) * tf.math.rsqrt(variance + _EPSILON) + tensors[f"{norm}/beta"]
    return tf.maximum(state, _LEAK * state) if layer.leaky else state
