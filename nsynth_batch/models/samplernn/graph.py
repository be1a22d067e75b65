"""The network in TensorFlow, and what it learns by."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from nsynth_batch.models.family import Batch, Loss, Tensor, Tensors
from nsynth_batch.models.recurrent import gated_unit
from nsynth_batch.models.samplernn.config import QUANTA, SampleConfig, layers

CODE_SCALE = 1 / 64
"""What a frame's codes are multiplied by: they come to lie in [-2, 2)."""

CARRIED = "carried"
"""In a state: 1 for a stream that has one, 0 where the learned beginning stands in."""


def heads(
    config: SampleConfig, tensors: Tensors, codes: Tensor, state: dict[str, Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return what is predicted of each code from those before it, and the state at the end.

    Parameters
    ----------
    config : SampleConfig
    tensors : mapping of str to tensors
        The weights.
    codes : int32 [B, hop + S], from -128 to 127
        The first hop of them are context alone; S is whole longest frames.
    state : dict of str to tensors
        ``tier_1`` … float32 [B, layers, H], and ``carried`` float32 [B].

    Returns
    -------
    float32 [S, B, 256], dict of str to tensors
    """
    weights = {name: _weight_norm(tensors, name) for name in layers(config)}
    times = tf.transpose(codes)
    samples = times.shape[0] - config.hop
    after = {CARRIED: tf.ones_like(state[CARRIED])}
    condition: Tensor = None
    for tier, frame in enumerate(config.frames):
        name, first = f"tier_{tier + 1}", config.hop - frame
        pieces = tf.reshape(times[first : first + samples], [samples // frame, frame, -1])
        x = tf.cast(tf.transpose(pieces, [0, 2, 1]), tf.float32) * CODE_SCALE
        x = tf.tensordot(x, weights[f"{name}/input"], 1) + tensors[f"{name}/input/biases"]
        if condition is not None:
            x += condition
        x, after[name] = _units(config, tensors, name, x, state)
        out = tf.tensordot(x, weights[f"{name}/up"], 1) + tensors[f"{name}/up/biases"]
        condition = _spread(out, config.ratio(tier), config.hidden)
    # An embedding and the layer over it are a table: a row is looked up, not a product made.
    tables = tf.tensordot(tensors["embedding"], weights["samples"], [[1], [1]])
    bins = times + QUANTA // 2
    x = condition
    for place in range(config.lookback):
        first = config.hop - config.lookback + place
        x += tf.gather(tables[:, place], bins[first : first + samples])
    x = tf.nn.relu(x)
    x = tf.nn.relu(tf.tensordot(x, weights["hidden"], 1) + tensors["hidden/biases"])
    return tf.tensordot(x, weights["logits"], 1) + tensors["logits/biases"], after


def loss(config: SampleConfig, tensors: Tensors, batch: Batch, state: Any) -> Loss:
    """Return the negative log-likelihood of some sequences.

    Parameters
    ----------
    config : SampleConfig
    tensors : mapping of str to tensors
        The weights.
    batch : mapping of str to tensors
        ``codes``, float32 [B, hop + S]: the first hop of them are context. ``samples``, float32
        [B]: how many of a row's are sound; the rest is padding, and teaches nothing.
    state : dict of str to tensors
        What the streams begin with.

    Returns
    -------
    Loss
        In nats; beside it stand bits.
    """
    codes = tf.cast(batch["codes"], tf.int32)
    logits, after = heads(config, tensors, codes, state)
    targets = tf.transpose(codes[:, config.hop :])
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(targets + QUANTA // 2, logits)
    places = tf.range(config.hop, codes.shape[1], dtype=tf.float32)[:, None]
    counted = tf.cast(places < batch["samples"][None], tf.float32)
    # A row may have nothing left to teach.
    count = tf.maximum(tf.reduce_sum(counted), 1.0)
    total = tf.reduce_sum(each * counted)
    return Loss(total, count, state=after, beside={"bits": total / count / math.log(2)})


def _units(
    config: SampleConfig, tensors: Tensors, name: str, x: Tensor, state: dict[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return what a tier's units make of inputs [S, B, H], and their states [B, layers, H]."""
    carried = state[CARRIED][:, None]
    last, total = [], tf.zeros_like(x)
    for i in range(config.layers):
        begin = carried * state[name][:, i] + (1 - carried) * tensors[f"{name}/begin"][i]
        y = gated_unit(config.hidden, tensors, f"{name}/gru_{i + 1}", x, begin)
        last.append(y[-1])
        total += y
        x = x + y if config.skip else y
    return (total if config.skip else x), tf.stack(last, axis=1)


def _spread(out: Tensor, ratio: int, hidden: int) -> Tensor:
    """Return conditions [S · ratio, B, H] of what frames [S, B, ratio · H] say to those below."""
    steps, rows = out.shape[0], tf.shape(out)[1]
    apart = tf.transpose(tf.reshape(out, [steps, rows, ratio, hidden]), [0, 2, 1, 3])
    return tf.reshape(apart, [steps * ratio, rows, hidden])


def _weight_norm(tensors: Tensors, name: str) -> Tensor:
    """Return a layer's weights: directions times norms (Salimans & Kingma 2016)."""
    direction = tensors[f"{name}/V"]
    squares = tf.reduce_sum(tf.square(direction), list(range(len(direction.shape) - 1)))
    return direction * (tensors[f"{name}/g"] / tf.sqrt(squares))
