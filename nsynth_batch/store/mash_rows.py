"""Rows of mash-ups: parents with their weights, in the shape that the rows' kind has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from nsynth_batch.store.arrays import list_column, matrix_column
from nsynth_batch.store.schemas import MASHUPS, MASHUPS_OF_MANY, PARENT

WEIGHT_COLUMNS = ("a", "b", "weights", "parents")
"""Where parents and weights stand: rows of one shape have some of them."""


@dataclass(frozen=True)
class WeightedParent:
    """A segment that a mash-up is made of, and how much of it there is.

    Attributes
    ----------
    file_id : str
        Of its recording.
    segment : int
        Its number in the recording.
    start_seconds : float
        Where it begins there.
    weights : floats [frames]
        Its share at each frame, in [0, 1].
    stretch : float
        How much longer its encoding was made; 1 is not at all.
    """

    file_id: str
    segment: int
    start_seconds: float
    weights: npt.NDArray[Any]
    stretch: float = 1.0


def schema_of(parents: int, stretch: Sequence[float]) -> pa.Schema:
    """Return the columns of mash-ups of so many parents, stretched or not.

    Those of two that are not stretched have the columns that every release has had.
    """
    return MASHUPS if parents == 2 and not stretch else MASHUPS_OF_MANY


def mash_row(
    schema: pa.Schema,
    mash_id: str,
    parents: Sequence[WeightedParent],
    seed: int,
    encoding: npt.NDArray[np.float32],
) -> pa.RecordBatch:
    """Return a mash-up as a row.

    Parameters
    ----------
    schema : pa.Schema
        As `schema_of` returns it.
    mash_id : str
    parents : sequence of WeightedParent
    seed : int
        That keyed its draws.
    encoding : float32 [frames, width]
    """
    frames = pa.array([len(encoding)], pa.int32())
    one = pa.array([mash_id]), pa.array([seed], pa.int64())
    places = [
        {"file_id": p.file_id, "segment": p.segment, "start_seconds": p.start_seconds}
        for p in parents
    ]
    if schema.equals(MASHUPS):
        first, second = (pa.array([place], PARENT) for place in places)
        weights = list_column([parents[1].weights], pa.float32())
        columns = [one[0], first, second, one[1], weights, frames, matrix_column([encoding])]
        return pa.record_batch(columns, schema=schema)
    weighted = [
        {**place, "stretch": parent.stretch, "weights": parent.weights}
        for place, parent in zip(places, parents, strict=True)
    ]
    column = pa.array([weighted], schema.field("parents").type)
    return pa.record_batch(
        [one[0], column, one[1], frames, matrix_column([encoding])], schema=schema
    )


def parents_of_row(row: Mapping[str, Any]) -> tuple[WeightedParent, ...]:
    """Return the parents of a row of mash-ups, of either shape.

    Parameters
    ----------
    row : mapping
        With those of `WEIGHT_COLUMNS` that its table has.
    """
    if "parents" in row:
        return tuple(
            WeightedParent(**{**parent, "weights": np.asarray(parent["weights"], np.float64)})
            for parent in row["parents"]
        )
    mix = np.asarray(row["weights"], np.float64)
    shares = {"a": 1 - mix, "b": mix}
    return tuple(WeightedParent(**row[side], weights=share) for side, share in shares.items())
