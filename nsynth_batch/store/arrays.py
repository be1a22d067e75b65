"""Between Arrow's lists and NumPy's arrays, without a Python object a value."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Vector = npt.NDArray[Any]


def list_column(rows: Sequence[Vector], value_type: pa.DataType) -> pa.ListArray:
    """Make a list column of one-dimensional arrays.

    Parameters
    ----------
    rows : sequence of arrays [n_i]
        One a row.
    value_type : pa.DataType
        Of the values.

    Returns
    -------
    pa.ListArray
    """
    values = np.concatenate(rows) if rows else np.empty(0)
    offsets = _offsets(len(row) for row in rows)
    return pa.ListArray.from_arrays(offsets, pa.array(values, value_type))


def matrix_column(rows: Sequence[Vector]) -> pa.ListArray:
    """Make a column of float32 matrices [frames_i, width], each a list of lists."""
    frames = pa.array(np.concatenate([row.reshape(-1) for row in rows]), pa.float32())
    inner = pa.ListArray.from_arrays(
        _offsets(row.shape[1] for row in rows for _ in range(row.shape[0])), frames
    )
    return pa.ListArray.from_arrays(_offsets(row.shape[0] for row in rows), inner)


def vectors(column: pa.ChunkedArray) -> Iterator[Vector]:
    """Yield each row of a list column as an array [n_i]."""
    for chunk in column.chunks:
        values = chunk.values.to_numpy(zero_copy_only=False)
        offsets = chunk.offsets.to_numpy()
        for start, stop in itertools.pairwise(offsets):
            yield values[start:stop]


def matrices(column: pa.ChunkedArray) -> Iterator[Vector]:
    """Yield each row of a column of lists of lists as a matrix [frames_i, width]."""
    for chunk in column.chunks:
        inner = chunk.values
        values = inner.values.to_numpy(zero_copy_only=False)
        starts = inner.offsets.to_numpy()
        offsets = chunk.offsets.to_numpy()
        for first, last in itertools.pairwise(offsets):
            yield values[starts[first] : starts[last]].reshape(last - first, -1)


def _offsets(lengths: Iterable[int]) -> pa.Array:
    return pa.array(np.cumsum([0, *lengths]), pa.int32())
