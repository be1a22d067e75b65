"""Both networks in NumPy: each row of a product is summed in one order, whatever is beside it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.weights import Array

_ROWS = 32
"""Rows of a product: a fixed number, since NumPy chooses its loops by the shape."""


def run(config: SpectralConfig, tensors: Mapping[str, Array], part: str, given: Array) -> Array:
    """Return what the encoder or the decoder makes of the frames of one sound.

    Parameters
    ----------
    config : SpectralConfig
    tensors : mapping of str to float32 arrays
    part : {"encoder", "decoder"}
    given : float32 [F, channels]

    Returns
    -------
    float32 [F, channels]
    """
    state = _rectified(_layer(tensors, f"{part}/first", given))
    for i in range(config.blocks):
        state = state + _rectified(_layer(tensors, f"{part}/block_{i}", state))
    return _layer(tensors, f"{part}/last", state) + product(given, tensors[f"{part}/linear/W"][0])


def product(rows: Array, weights: Array) -> Array:
    """Return a matrix product of which each row depends on that row alone, bit for bit.

    By einsum: it adds in the order of the inputs, where a BLAS chooses by shapes and threads.

    Parameters
    ----------
    rows : float32 [F, in]
    weights : float32 [in, out]

    Returns
    -------
    float32 [F, out]
    """
    count = len(rows)
    padded = np.pad(rows, ((0, -count % _ROWS), (0, 0)))
    made = np.empty((len(padded), weights.shape[1]), np.float32)
    for start in range(0, len(padded), _ROWS):
        piece = slice(start, start + _ROWS)
        np.einsum("fi,io->fo", padded[piece], weights, out=made[piece])
    return made[:count]


def _layer(tensors: Mapping[str, Array], name: str, rows: Array) -> Array:
    """Return a convolution over frames, with silence before and after."""
    weights = tensors[f"{name}/W"]
    taps, given, made = weights.shape
    if taps > 1:
        padded = np.pad(rows, ((taps // 2, taps // 2), (0, 0)))
        rows = np.concatenate([padded[k : k + len(rows)] for k in range(taps)], axis=1)
    return product(rows, weights.reshape(taps * given, made)) + tensors[f"{name}/biases"]


def _rectified(values: Array) -> Array:
    return np.maximum(values, np.float32(0))
