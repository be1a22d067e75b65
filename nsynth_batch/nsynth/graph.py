"""The network in TensorFlow, as functions of a configuration and a mapping of tensors.

Nothing of Keras, so that it runs unchanged from TensorFlow 2.14, the last that ROCm has on
the package index, to today's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from nsynth_batch.nsynth.config import Config

Tensor = Any
Tensors = Mapping[str, Tensor]

INPUT_SCALE = 1.0 / 128


def encoder(config: Config, tensors: Tensors, codes: Tensor) -> Tensor:
    """Encode mu-law codes.

    Parameters
    ----------
    config : Config
    tensors : mapping of str to tensors
        By magenta's names.
    codes : float32 [B, T]
        Mu-law codes, T a multiple of the hop.

    Returns
    -------
    float32 [B, T / hop, bottleneck]
    """
    x = _dense(tensors, "ae_startconv", _taps(codes[:, :, None] * INPUT_SCALE, 1, ahead=True))
    for i, dilation in enumerate(config.ae_dilations, 1):
        h = _dense(tensors, f"ae_dilatedconv_{i}", _taps(tf.nn.relu(x), dilation, ahead=True))
        x += _dense(tensors, f"ae_res_{i}", tf.nn.relu(h))
    x = _dense(tensors, "ae_bottleneck", x)
    shape = tf.shape(x)
    hop = config.ae_hop_length
    frames = tf.reshape(x, [shape[0], shape[1] // hop, hop, config.ae_bottleneck])
    return tf.reduce_mean(frames, axis=2)


def decoder(config: Config, tensors: Tensors, codes: Tensor, encodings: Tensor) -> Tensor:
    """Give teacher-forced logits: those of sample t from the samples before it.

    Parameters
    ----------
    config : Config
    tensors : mapping of str to tensors
    codes : float32 [B, T]
        Mu-law codes, T = F · hop.
    encodings : float32 [B, F, bottleneck]

    Returns
    -------
    float32 [B, T, 256]
    """
    hop = config.ae_hop_length
    x = tf.pad(codes[:, :-1, None] * INPUT_SCALE, [[0, 0], [1, 0], [0, 0]])
    x = _dense(tensors, "startconv", _taps(x, 1, ahead=False))
    skip = _dense(tensors, "skip_start", x)
    for i, dilation in enumerate(config.dilations, 1):
        h = _dense(tensors, f"dilatedconv_{i}", _taps(x, dilation, ahead=False))
        h = _add_held(h, _dense(tensors, f"cond_map_{i}", encodings), hop)
        gate = _gate(h)
        x += _dense(tensors, f"res_{i}", gate)
        skip += _dense(tensors, f"skip_{i}", gate)
    out = _dense(tensors, "out1", tf.nn.relu(skip))
    out = _add_held(out, _dense(tensors, "cond_map_out1", encodings), hop)
    return _dense(tensors, "logits", tf.nn.relu(out))


def conditioning(config: Config, tensors: Tensors, encodings: Tensor) -> list[Tensor]:
    """Map encodings [..., bottleneck] to what each block, and at last the head, adds to itself."""
    names = [f"cond_map_{i}" for i in range(1, config.num_layers + 1)]
    return [_dense(tensors, name, encodings) for name in [*names, "cond_map_out1"]]


def step(
    config: Config,
    tensors: Tensors,
    inputs: Sequence[Tensor],
    past: Sequence[tuple[Tensor, Tensor]],
    held: Sequence[Tensor],
) -> tuple[Tensor, list[Tensor]]:
    """Compute one sample's logits from the newest samples and each block's past.

    Parameters
    ----------
    config : Config
    tensors : mapping of str to tensors
    inputs : three float32 [B, 1]
        The last three input samples, oldest first.
    past : for each block two float32 [B, width]
        The block's input two dilations ago and one dilation ago.
    held : for each block and the head float32 [B, channels]
        This frame's conditioning.

    Returns
    -------
    float32 [B, 256], and each block's input now, float32 [B, width]
    """
    x = _dense(tensors, "startconv", tf.concat(list(inputs), -1))
    skip = _dense(tensors, "skip_start", x)
    seen = []
    for i, (older, old) in enumerate(past, 1):
        seen.append(x)
        h = _dense(tensors, f"dilatedconv_{i}", tf.concat([older, old, x], -1)) + held[i - 1]
        gate = _gate(h)
        x += _dense(tensors, f"res_{i}", gate)
        skip += _dense(tensors, f"skip_{i}", gate)
    out = _dense(tensors, "out1", tf.nn.relu(skip)) + held[-1]
    return _dense(tensors, "logits", tf.nn.relu(out)), seen


def _dense(tensors: Tensors, name: str, x: Tensor) -> Tensor:
    """Apply a convolution to input whose taps already stand side by side in its channels."""
    weight = tensors[f"{name}/W"]
    _, taps, inputs, outputs = weight.shape
    matrix = tf.reshape(weight, [taps * inputs, outputs])
    flat = tf.reshape(x, [-1, taps * inputs])
    y = tf.nn.bias_add(tf.matmul(flat, matrix), tensors[f"{name}/biases"])
    return tf.reshape(y, tf.concat([tf.shape(x)[:-1], [outputs]], 0))


def _taps(x: Tensor, dilation: int, *, ahead: bool) -> Tensor:
    """Lay three taps side by side: past and future by one dilation, or only the past by two."""
    # tf.slice and not [], here and in _gate: the gradient of a strided slice is many times slower.
    length = tf.shape(x)[1]
    before, after = (dilation, dilation) if ahead else (2 * dilation, 0)
    padded = tf.pad(x, [[0, 0], [before, after], [0, 0]])
    size = tf.stack([-1, length, -1])
    return tf.concat([tf.slice(padded, [0, k * dilation, 0], size) for k in range(3)], -1)


def _gate(x: Tensor) -> Tensor:
    opening, signal = tf.split(x, 2, axis=-1)
    return tf.sigmoid(opening) * tf.tanh(signal)


def _add_held(x: Tensor, frames: Tensor, hop: int) -> Tensor:
    """Add to x [B, F · hop, C] its frame's row of frames [B, F, C]."""
    shape = tf.shape(frames)
    split = tf.reshape(x, [shape[0], shape[1], hop, x.shape[-1]]) + frames[:, :, None, :]
    return tf.reshape(split, tf.shape(x))
