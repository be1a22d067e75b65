"""The network in TensorFlow, as functions of a configuration and a mapping of tensors.

Nothing of Keras, so that it runs unchanged from TensorFlow 2.14, the last that ROCm has on
the package index, to today's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from nsynth_batch.models.wavenet.config import Config, Decoder
from nsynth_batch.models.weights import Weights
from nsynth_batch.settings.choices import Precision

Tensor = Any
Tensors = Mapping[str, Tensor]

INPUT_SCALE = 1.0 / 128

_IN_LAYERS = re.compile(r"(dilatedconv|res|skip)_\d+/W")


def tensors_of(weights: Weights[Config], precision: Precision) -> dict[str, Tensor]:
    """Return the weights as TensorFlow's constants.

    Parameters
    ----------
    weights : Weights
    precision : str
        ``float32``, or ``bfloat16`` for the matrices of the products inside the decoder's layers:
        their inputs are rounded to it too, and their sums are float32. All else is float32.
    """
    return {
        name: tf.constant(value, tf.bfloat16)
        if precision == "bfloat16" and _IN_LAYERS.fullmatch(name)
        else tf.constant(value)
        for name, value in weights.tensors.items()
    }


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
    x = _around(tensors, "ae_startconv", codes[:, :, None] * INPUT_SCALE, 1)
    for i, dilation in enumerate(config.ae_dilations, 1):
        h = _around(tensors, f"ae_dilatedconv_{i}", tf.nn.relu(x), dilation)
        x += _dense(tensors, f"ae_res_{i}", tf.nn.relu(h))
    x = _dense(tensors, "ae_bottleneck", x)
    shape = tf.shape(x)
    hop = config.ae_hop_length
    frames = tf.reshape(x, [shape[0], shape[1] // hop, hop, config.ae_bottleneck])
    return tf.reduce_mean(frames, axis=2)


def decoder(
    config: Decoder,
    tensors: Tensors,
    codes: Tensor,
    encodings: Tensor | None = None,
    first: int = 0,
) -> Tensor:
    """Return teacher-forced logits: those of sample t from the samples before it.

    Parameters
    ----------
    config : Config
        Or that of a model without conditioning.
    tensors : mapping of str to tensors
    codes : float32 [B, T]
        Codes, T = F · hop.
    encodings : float32 [B, F, bottleneck], optional
        None for a model without conditioning, and then T is any length.
    first : int
        The sample to begin at, of a model without conditioning: what is before it is past alone.

    Returns
    -------
    float32 [B, T - first, 256]
    """
    hop = config.hop
    x = tf.pad(codes[:, :-1, None] * INPUT_SCALE, [[0, 0], [1, 0], [0, 0]])
    x = _causal(tensors, "startconv", x, 1)
    skip = _dense(tensors, "skip_start", _from(x, first))
    gates = []
    for i, dilation in enumerate(config.dilations, 1):
        h = _causal(tensors, f"dilatedconv_{i}", x, dilation)
        if encodings is not None:
            h = _add_held(h, _dense(tensors, f"cond_map_{i}", encodings), hop)
        gate = _gate(h)
        x += _dense(tensors, f"res_{i}", gate)
        gates.append(_from(gate, first))
    # One product: a sum for each layer would go through memory, many times as wide as a gate.
    skip += _dense(_skips(config, tensors), "skips", tf.concat(gates, -1))
    out = _dense(tensors, "out1", tf.nn.relu(skip))
    if encodings is not None:
        out = _add_held(out, _dense(tensors, "cond_map_out1", encodings), hop)
    return _dense(tensors, "logits", tf.nn.relu(out))


def conditioning(config: Config, tensors: Tensors, encodings: Tensor) -> list[Tensor]:
    """Map encodings [..., bottleneck] to what each block, and at last the head, adds to itself."""
    names = [f"cond_map_{i}" for i in range(1, config.num_layers + 1)]
    return [_dense(tensors, name, encodings) for name in [*names, "cond_map_out1"]]


def silence(config: Decoder, tensors: Tensors, batch: int) -> list[Tensor]:
    """Return each block's history before the first sample.

    It holds one row more than the block looks back, so that a sample is written to a row that
    it does not read: only then does XLA update the history in place and not copy it whole.

    Parameters
    ----------
    config : Config
    tensors : mapping of str to tensors
    batch : int
        B.

    Returns
    -------
    list of float32 [lookback + 1, B, width]
        For bfloat16 its bits, as uint16.
    """
    kind = tf.uint16 if _is_rounded(tensors) else tf.float32
    return [tf.zeros([back + 1, batch, config.width], kind) for back in config.lookback]


def step(
    config: Decoder,
    tensors: Tensors,
    number: Tensor,
    inputs: Sequence[Tensor],
    histories: Sequence[Tensor],
    held: Sequence[Tensor] | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Compute one sample's logits from the newest samples and each block's history.

    Parameters
    ----------
    config : Config
    tensors : mapping of str to tensors
    number : int32
        Which sample it is, from 0.
    inputs : float32 [B, 1], as many as the filter has taps
        The last input samples, oldest first.
    histories : as `silence` gives them
    held : for each block and the head float32 [B, channels], optional
        This frame's conditioning; None for a model without.

    Returns
    -------
    float32 [B, 256], and the histories with this sample in them
    """
    x = _dense(tensors, "startconv", tf.concat(list(inputs), -1))
    skip = _dense(tensors, "skip_start", x)
    after = []
    for i, (history, dilation) in enumerate(zip(histories, config.dilations, strict=True), 1):
        rows = (config.filter_length - 1) * dilation + 1
        newest = _remembered(tensors, x)
        history = put_row(history, number % rows, newest)
        after.append(history)
        oldest = range(1, rows, dilation)
        taps = [tf.gather(history, (number + ahead) % rows) for ahead in oldest]
        taps = _recalled(tensors, tf.concat([*taps, newest], -1))
        h = _dense(tensors, f"dilatedconv_{i}", taps)
        gate = _gate(h if held is None else h + held[i - 1])
        x += _dense(tensors, f"res_{i}", gate)
        skip += _dense(tensors, f"skip_{i}", gate)
    out = _dense(tensors, "out1", tf.nn.relu(skip))
    if held is not None:
        out += held[-1]
    return _dense(tensors, "logits", tf.nn.relu(out)), after


def put_row(buffer: Tensor, index: Tensor, row: Tensor) -> Tensor:
    """Write a row; in a compiled loop this happens in place."""
    return tf.tensor_scatter_nd_update(buffer, [[index]], row[None])


def _is_rounded(tensors: Tensors) -> bool:
    return bool(tensors["res_1/W"].dtype == tf.bfloat16)


def _remembered(tensors: Tensors, x: Tensor) -> Tensor:
    """Return what a history keeps of a block's input.

    Bits and not bfloat16: XLA's CPU compiler would widen a whole history to write one row of it.
    """
    return tf.bitcast(tf.cast(x, tf.bfloat16), tf.uint16) if _is_rounded(tensors) else x


def _recalled(tensors: Tensors, kept: Tensor) -> Tensor:
    return tf.bitcast(kept, tf.bfloat16) if _is_rounded(tensors) else kept


def _dense(tensors: Tensors, name: str, x: Tensor) -> Tensor:
    """Apply a convolution to input whose taps already stand side by side in its channels."""
    weight = tensors[f"{name}/W"]
    _, taps, inputs, outputs = weight.shape
    matrix = tf.reshape(weight, [taps * inputs, outputs])
    flat = tf.reshape(x, [-1, taps * inputs])
    if matrix.dtype == tf.bfloat16:
        # tf.matmul would round the sum as well.
        flat = tf.cast(flat, tf.bfloat16)
        product = tf.raw_ops.BatchMatMulV3(x=flat, y=matrix, Tout=tf.float32)
    else:
        product = tf.matmul(flat, matrix)
    y = tf.nn.bias_add(product, tensors[f"{name}/biases"])
    return tf.reshape(y, tf.concat([tf.shape(x)[:-1], [outputs]], 0))


def _skips(config: Decoder, tensors: Tensors) -> Tensors:
    """Return the convolutions of all blocks' gates to the skip channels as one."""
    names = [f"skip_{i}" for i in range(1, config.num_layers + 1)]
    return {
        "skips/W": tf.concat([tensors[f"{name}/W"] for name in names], 2),
        "skips/biases": tf.add_n([tensors[f"{name}/biases"] for name in names]),
    }


def _from(x: Tensor, first: int) -> Tensor:
    return tf.slice(x, [0, first, 0], [-1, -1, -1]) if first else x


def _around(tensors: Tensors, name: str, x: Tensor, dilation: int) -> Tensor:
    """Apply a convolution whose taps stand around each sample; of an even number more after it."""
    taps = tensors[f"{name}/W"].shape[1]
    before = (taps - 1) // 2
    return _dense(tensors, name, _taps(x, dilation, before, taps - 1 - before))


def _causal(tensors: Tensors, name: str, x: Tensor, dilation: int) -> Tensor:
    """Apply a convolution whose last tap is the sample itself."""
    return _dense(tensors, name, _taps(x, dilation, tensors[f"{name}/W"].shape[1] - 1, 0))


def _taps(x: Tensor, dilation: int, before: int, after: int) -> Tensor:
    """Lay taps side by side: so many before each sample, the sample, and so many after it."""
    # tf.slice and not [], here and in _gate: the gradient of a strided slice is many times slower.
    length = tf.shape(x)[1]
    padded = tf.pad(x, [[0, 0], [before * dilation, after * dilation], [0, 0]])
    size = tf.stack([-1, length, -1])
    taps = range(before + 1 + after)
    return tf.concat([tf.slice(padded, [0, k * dilation, 0], size) for k in taps], -1)


def _gate(x: Tensor) -> Tensor:
    opening, signal = tf.split(x, 2, axis=-1)
    return tf.sigmoid(opening) * tf.tanh(signal)


def _add_held(x: Tensor, frames: Tensor, hop: int) -> Tensor:
    """Add to x [B, F · hop, C] its frame's row of frames [B, F, C]."""
    shape = tf.shape(frames)
    split = tf.reshape(x, [shape[0], shape[1], hop, x.shape[-1]]) + frames[:, :, None, :]
    return tf.reshape(split, tf.shape(x))
