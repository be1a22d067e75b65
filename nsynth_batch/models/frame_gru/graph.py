"""The network in TensorFlow, and what it learns by."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from nsynth_batch.models.family import Batch, Loss, Tensor, Tensors
from nsynth_batch.models.frame_gru.config import SMALLEST_LOG_VARIANCE, FrameConfig
from nsynth_batch.models.recurrent import gated_unit


def heads(
    config: FrameConfig, tensors: Tensors, frames: Tensor, state: dict[str, Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return what is predicted of the frame after each, and the state after the last.

    Parameters
    ----------
    config : FrameConfig
    tensors : mapping of str to tensors
        The weights.
    frames : float32 [B, S, F]
        In units of the corpus's deviation.
    state : dict of str to float32 [B, H]
        What each unit begins with.

    Returns
    -------
    float32 [B, S, outputs], dict of str to float32 [B, H]
    """
    # Time comes first, so that a step is one row of rows.
    x = tf.transpose(frames, [1, 0, 2])
    x = tf.tensordot(x, tensors["input/W"], 1) + tensors["input/biases"]
    after = {}
    for i in range(1, config.layers + 1):
        name = f"gru_{i}"
        x = gated_unit(config.hidden, tensors, name, x, state[name])
        after[name] = x[-1]
    out = tf.tensordot(x, tensors["output/W"], 1) + tensors["output/biases"]
    return tf.transpose(out, [1, 0, 2]), after


def split(config: FrameConfig, out: Tensor) -> tuple[Tensor, Tensor]:
    """Return means and logarithms of variances of what `heads` returned; None for the latter."""
    if not config.varies:
        return out, None
    return out[..., : config.frame], tf.maximum(out[..., config.frame :], SMALLEST_LOG_VARIANCE)


def loss(config: FrameConfig, tensors: Tensors, batch: Batch, state: Any) -> Loss:
    """Return the loss of some sequences.

    Parameters
    ----------
    config : FrameConfig
    tensors : mapping of str to tensors
        The weights.
    batch : mapping of str to tensors
        ``frames``, float32 [B, S + 1, F]: the first S predict the last S. ``samples``, float32
        [B]: how many of a row's are sound; the rest is padding, and teaches nothing.
    state : dict of str to float32 [B, H]
        What the streams begin with.

    Returns
    -------
    Loss
        Of squared errors, or of nats as a density, in units of the corpus's deviation. Beside it
        stand the squared error, the variance of the targets, which is the error of predicting
        nothing, and the error of repeating the last frame.
    """
    frames = batch["frames"]
    out, after = heads(config, tensors, frames[:, :-1], state)
    targets, last = frames[:, 1:], frames[:, :-1]
    mean, log_variance = split(config, out)
    places = tf.reshape(tf.range(config.frame * targets.shape[1]), targets.shape[1:])
    known = batch["samples"][:, None, None] - config.frame
    counted = tf.cast(tf.cast(places, tf.float32) < known, tf.float32)
    squared = tf.square(targets - mean)
    each = squared
    if log_variance is not None:
        each = 0.5 * (math.log(2 * math.pi) + log_variance + squared * tf.exp(-log_variance))
    # A row may have nothing left to teach.
    count = tf.maximum(tf.reduce_sum(counted), 1.0)

    def average(values: Tensor) -> Tensor:
        return tf.reduce_sum(values * counted) / count

    beside = {
        "variance": average(tf.square(targets - average(targets))),
        "repeat": average(tf.square(targets - last)),
    }
    if config.varies:
        beside = {"squared_error": average(squared), **beside}
    return Loss(tf.reduce_sum(each * counted), count, state=after, beside=beside)
