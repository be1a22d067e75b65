"""Both networks in TensorFlow, and what they learn by."""

from __future__ import annotations

import tensorflow as tf

from nsynth_batch.models.family import Loss, Tensor, Tensors
from nsynth_batch.models.spectral.config import DECODER, ENCODER, SpectralConfig
from nsynth_batch.models.spectral.spectrogram import bin_weights


def run(config: SpectralConfig, tensors: Tensors, part: str, given: Tensor) -> Tensor:
    """Return what the encoder or the decoder makes of frames.

    Parameters
    ----------
    config : SpectralConfig
    tensors : mapping of str to tensors
    part : {"encoder", "decoder"}
    given : float32 [B, F, channels]

    Returns
    -------
    float32 [B, F, channels]
    """
    state = tf.nn.relu(_layer(tensors, f"{part}/first", given))
    for i in range(config.blocks):
        state = state + tf.nn.relu(_layer(tensors, f"{part}/block_{i}", state))
    straight = tf.nn.conv1d(given, tensors[f"{part}/linear/W"], 1, "SAME")
    return _layer(tensors, f"{part}/last", state) + straight


def error(config: SpectralConfig, tensors: Tensors, features: Tensor) -> Loss:
    """Return the squared error of the frames that come out, low frequencies weighing more.

    Parameters
    ----------
    config : SpectralConfig
    tensors : mapping of str to tensors
        The weights.
    features : float32 [B, F, frame]
        Cube roots of magnitudes.

    Returns
    -------
    Loss
        The weighted mean over bins, summed over B · F frames.
    """
    encodings = run(config, tensors, ENCODER, features)
    found = run(config, tensors, DECODER, encodings)
    squares = tf.square(found - features) * bin_weights(config)
    count = features.shape[0] * features.shape[1]
    return Loss(tf.reduce_sum(squares), count)


def _layer(tensors: Tensors, name: str, rows: Tensor) -> Tensor:
    made = tf.nn.conv1d(rows, tensors[f"{name}/W"], 1, "SAME")
    return made + tensors[f"{name}/biases"]
