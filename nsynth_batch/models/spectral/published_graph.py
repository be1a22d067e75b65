"""The networks of the published shape in TensorFlow, and what they learn by."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from nsynth_batch.models.family import Batch, Loss, Tensor, Tensors
from nsynth_batch.models.segments import Segment, normalised
from nsynth_batch.models.spectral.config import DECODER, ENCODER
from nsynth_batch.models.spectral.published_config import (
    BINS,
    EMBEDDING,
    Layer,
    PublishedConfig,
    is_transposed,
    layers,
)
from nsynth_batch.models.weights import Array

_LEAK = 0.1
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
    return _through(config, ENCODER, tensors, pictures, moments)[:, 0, 0, :]


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
    given = _given(config, tensors, codes, pitches)
    return tf.sigmoid(_through(config, DECODER, tensors, given, moments))


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
    return replace(_loss(config, found, pictures), averaged=moments.found)


def segments(config: PublishedConfig) -> tuple[Segment, ...]:
    """Return what `error` does, from norm to norm.

    Batches have ``pictures`` float32 [B, 512, 256, 1] and ``pitches`` float32 [B].
    """
    found: list[Segment] = []
    before: Layer | None = None
    for layer in (*layers(config, ENCODER), *layers(config, DECODER)):
        names = [f"{layer.name}/weights"]
        if before is not None:
            names.append(_shift(before))
        if not layer.normed:
            names.append(_shift(layer))
        if config.pitches and _encodes(before) and not _encodes(layer):
            names.append(EMBEDDING)
        moments = _moments(layer) if layer.normed else ()
        found.append(Segment(tuple(names), moments, partial(_segment, config, before, layer)))
        before = layer
    return tuple(found)


def _segment(
    config: PublishedConfig,
    before: Layer | None,
    layer: Layer,
    tensors: Tensors,
    batch: Batch,
    state: Tensor,
) -> Tensor:
    """Go on from the norm of a layer to that of the next, or to the loss."""
    if before is None:
        state = batch["pictures"]
    else:
        state = _bent(tensors, before, state)
        if _encodes(before) and not _encodes(layer):
            pitches = tf.cast(batch["pitches"], tf.int32)
            state = _given(config, tensors, state[:, 0, 0, :], pitches)
    state = _raw(tensors, layer, state)
    if layer.normed:
        return state
    return _loss(config, tf.sigmoid(_bent(tensors, layer, state)), batch["pictures"])


def frequency_weights(config: PublishedConfig) -> Array:
    """Return what an error in each bin weighs, float32 [512]."""
    hertz = np.arange(BINS) * config.sample_rate / (2 * BINS)
    level = int(np.count_nonzero(hertz < _LEVEL_HZ))
    falling = np.linspace(_PEAK, 1.0, level)
    return np.concatenate([falling, np.ones(BINS - level)]).astype(np.float32)


def _given(config: PublishedConfig, tensors: Tensors, codes: Tensor, pitches: Tensor) -> Tensor:
    """Return what the decoder begins with, [B, 1, 1, latent and pitch]."""
    if config.pitches:
        chosen = tf.one_hot(pitches, config.pitches, dtype=codes.dtype)
        codes = tf.concat([codes, tf.matmul(chosen, tensors[EMBEDDING])], 1)
    return codes[:, None, None, :]


def _loss(config: PublishedConfig, found: Tensor, pictures: Tensor) -> Loss:
    weights = tf.cast(frequency_weights(config)[:, None, None], found.dtype)
    squares = tf.square(found - pictures) * weights
    count = pictures.shape[0]
    return Loss(tf.reduce_mean(squares) * count, count)


def _encodes(layer: Layer | None) -> bool:
    return layer is not None and layer.name.startswith(f"{ENCODER}/")


def _moments(layer: Layer) -> tuple[str, str]:
    norm = f"{layer.name}/BatchNorm"
    return f"{norm}/moving_mean", f"{norm}/moving_variance"


def _shift(layer: Layer) -> str:
    return f"{layer.name}/BatchNorm/beta" if layer.normed else f"{layer.name}/biases"


def _through(
    config: PublishedConfig, part: str, tensors: Tensors, state: Tensor, moments: Moments | None
) -> Tensor:
    """Return what all layers of a part make of a state."""
    for layer in layers(config, part):
        state = _normed(tensors, layer, _raw(tensors, layer, state), moments)
        state = _bent(tensors, layer, state)
    return state


def _raw(tensors: Tensors, layer: Layer, state: Tensor) -> Tensor:
    weights = tensors[f"{layer.name}/weights"]
    if not is_transposed(layer):
        return tf.nn.conv2d(state, weights, layer.stride, "SAME")
    rows, height, width = tf.shape(state)[0], state.shape[1], state.shape[2]
    size = [rows, height * layer.stride[0], width * layer.stride[1], layer.made]
    return tf.nn.conv2d_transpose(state, weights, size, layer.stride, "SAME")


def _normed(tensors: Tensors, layer: Layer, state: Tensor, moments: Moments | None) -> Tensor:
    if not layer.normed:
        return state
    names = _moments(layer)
    if moments is None:
        mean, variance = (tensors[name] for name in names)
    else:
        mean, variance = tf.nn.moments(state, [0, 1, 2])
        moments.found |= dict(zip(names, (mean, variance), strict=True))
    return normalised(state, mean, variance)


def _bent(tensors: Tensors, layer: Layer, state: Tensor) -> Tensor:
    state = state + tensors[_shift(layer)]
    return tf.maximum(state, _LEAK * state) if layer.leaky else state
