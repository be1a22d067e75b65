"""How far a decode is, kept now and then, so that a killed one goes on near where it was."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from hdfs_jobs.stage import Partial
from nsynth_batch.nsynth.engines import Codes
from nsynth_batch.stages.arrays import list_column, vectors


class Progress:
    """The codes made so far of each clip of a batch, among a shard's partial results.

    Parameters
    ----------
    partial : Partial
        Where they are kept.
    name : str
        The file's.
    mash_ids : sequence of str
        The batch, in its order.
    every : float
        Wall seconds from one save to the next.
    """

    def __init__(self, partial: Partial, name: str, mash_ids: Sequence[str], every: float) -> None:
        self._partial = partial
        self._name = name
        self._mash_ids = list(mash_ids)
        self._every = every
        self._saved = time.monotonic()

    def load(self) -> list[Codes]:
        """Give what an earlier attempt has made of each clip: empty arrays where nothing."""
        saved = self._partial.load(self._name)
        if saved is not None:
            table = pa.ipc.open_stream(saved).read_all()
            if table.column("mash_id").to_pylist() == self._mash_ids:
                return [np.array(codes, np.int16) for codes in vectors(table.column("codes"))]
        return [np.zeros(0, np.int16) for _ in self._mash_ids]

    def hear(self, codes: Sequence[Codes]) -> None:
        """Save what has been made of each clip, if the last save is long enough ago."""
        if time.monotonic() - self._saved < self._every:
            return
        columns = {"mash_id": pa.array(self._mash_ids), "codes": list_column(codes, pa.int16())}
        self._partial.save(self._name, stream_of(pa.RecordBatch.from_pydict(columns)))
        # Counted from the end of the save: a slow storage is not written to all the time.
        self._saved = time.monotonic()


def stream_of(batch: pa.RecordBatch) -> bytes:
    """Give a batch as the bytes of an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())
