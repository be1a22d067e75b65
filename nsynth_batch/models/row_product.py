"""A matrix product of which each row is summed in one order, whatever is beside it."""

from __future__ import annotations

import numpy as np

from nsynth_batch.models.weights import Array

_ROWS = 32
"""Rows of a product: a fixed number, since NumPy chooses its loops by the shape."""


def row_product(rows: Array, weights: Array) -> Array:
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
