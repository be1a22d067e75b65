"""Rows of clips, whatever made them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from nsynth_batch.models.weights import Array
from nsynth_batch.store.arrays import list_column
from sequencer.audio.samples import to_int16
from sequencer.clips.measures import measure


def clip_rows(
    schema: pa.Schema, clips: Sequence[Array], sample_rate: int, **columns: Sequence[Any]
) -> pa.RecordBatch:
    """Return clips as rows, with their measures.

    Parameters
    ----------
    schema : pyarrow.Schema
        Of the dataset: `sample_rate`, `samples`, `measures` and other columns.
    clips : sequence of float32 [n]
    sample_rate : int
        Of all, in Hz.
    **columns : sequences, one value a clip
        The other columns of the schema.
    """
    values = {name: pa.array(of, schema.field(name).type) for name, of in columns.items()}
    values["sample_rate"] = pa.array([sample_rate] * len(clips), pa.int32())
    values["samples"] = list_column([to_int16(audio) for audio in clips], pa.int16())
    measured = [asdict(measure(audio, sample_rate)) for audio in clips]
    values["measures"] = pa.array(measured, schema.field("measures").type)
    return pa.record_batch([values[name] for name in schema.names], schema=schema)
