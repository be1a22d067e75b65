"""How far a decode is, kept now and then, so that a killed one goes on near where it was."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from hdfs_jobs.runs.stage import Partial
from nsynth_batch.models.engine import Codes
from nsynth_batch.store.arrays import list_column, vectors

LONGEST_LOSS_SECONDS = 3
"""Of a clip that is not saved yet: if it is more, it is saved, though it is not yet time."""

_PAUSE = 10.0
"""Saves before their time are this many times as long apart as one takes."""


class PartialCodes:
    """The codes made so far of each clip of a batch, among a shard's partial results.

    Each save holds what is new since the one before: a long batch writes no sample twice.

    Parameters
    ----------
    partial : Partial
        Where they are kept.
    name : str
        What the files' names begin with.
    mash_ids : sequence of str
        The batch, in its order.
    every : float
        Wall seconds from one save to the next, at most.
    most_unsaved : int
        Samples of a clip: so many that are new are saved, though it is not yet time.
    """

    def __init__(
        self,
        partial: Partial,
        name: str,
        mash_ids: Sequence[str],
        every: float,
        most_unsaved: int,
    ) -> None:
        self._partial = partial
        self._name = name
        self._mash_ids = list(mash_ids)
        self._every = every
        self._most_unsaved = most_unsaved
        self._pause = 0.0
        self._saves = 0
        self._kept = [0] * len(self._mash_ids)
        self._saved = time.monotonic()

    def load(self) -> list[Codes]:
        """Return what earlier attempts have made of each clip: empty arrays where nothing."""
        found = [np.zeros(0, np.int8) for _ in self._mash_ids]
        while (saved := self._partial.load(self._file(self._saves))) is not None:
            table = pa.ipc.open_stream(saved).read_all()
            if table.column("mash_id").to_pylist() != self._mash_ids:
                break
            starts = table.column("start").to_pylist()
            for i, codes in enumerate(vectors(table.column("codes"))):
                # Two attempts at once may have saved by turns; what overlaps is the same.
                if starts[i] <= len(found[i]):
                    found[i] = np.concatenate([found[i][: starts[i]], codes])
            self._saves += 1
        self._kept = [len(codes) for codes in found]
        return [codes.astype(np.int16) for codes in found]

    def save(self, codes: Sequence[Codes]) -> None:
        """Save what has been made of each clip since the last save, if that is long enough ago."""
        waited = time.monotonic() - self._saved
        new = max(len(clip) - kept for clip, kept in zip(codes, self._kept, strict=True))
        if waited < self._every and (new < self._most_unsaved or waited < self._pause):
            return
        begun = time.monotonic()
        parts = [clip[kept:] for clip, kept in zip(codes, self._kept, strict=True)]
        columns = {
            "mash_id": pa.array(self._mash_ids),
            "start": pa.array(self._kept, pa.int64()),
            # Mu-law codes are of 8 bits.
            "codes": list_column([part.astype(np.int8) for part in parts], pa.int8()),
        }
        self._partial.save(self._file(self._saves), stream_of(pa.RecordBatch.from_pydict(columns)))
        self._saves += 1
        self._kept = [len(clip) for clip in codes]
        # Counted from the end of the save: a slow storage is not written to all the time.
        self._saved = time.monotonic()
        self._pause = _PAUSE * (self._saved - begun)

    def _file(self, number: int) -> str:
        return f"{self._name}.{number:05}.arrow"


def stream_of(batch: pa.RecordBatch) -> bytes:
    """Return a batch as the bytes of an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())
