"""Both networks in NumPy: each row of a product is summed in one order, whatever is beside it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nsynth_batch.models.row_product import row_product
from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.weights import Array


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
    return _layer(tensors, f"{part}/last", state) + row_product(
        given, tensors[f"{part}/linear/W"][0]
    )


def _layer(tensors: Mapping[str, Array], name: str, rows: Array) -> Array:
    """Return a convolution over frames, with silence before and after."""
    weights = tensors[f"{name}/W"]
    taps, given, made = weights.shape
    if taps > 1:
        padded = np.pad(rows, ((taps // 2, taps // 2), (0, 0)))
        rows = np.concatenate([padded[k : k + len(rows)] for k in range(taps)], axis=1)
    return row_product(rows, weights.reshape(taps * given, made)) + tensors[f"{name}/biases"]


def _rectified(values: Array) -> Array:
    return np.maximum(values, np.float32(0))
