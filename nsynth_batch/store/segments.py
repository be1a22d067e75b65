"""Segments of recordings, found by what was made of them."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import RowRange
from hdfs_jobs.datasets.store import Store
from nsynth_batch.store.arrays import vectors

_MOST_KEPT = 64
"""Segments that are kept in memory."""

_CHAIN = ("encodings", "audio")


class Segments:
    """Finds the sound of segments by recording and number.

    Parameters
    ----------
    audio : Dataset or None
        The dataset of the segments; None holds none.
    """

    def __init__(self, audio: Dataset | None) -> None:
        self.audio = audio
        self.samples = lru_cache(_MOST_KEPT)(self._read)

    @classmethod
    def behind(cls, store: Store, mashups: Dataset) -> Segments:
        """Return those that some mash-ups go back to; none if the store has them no more."""
        dataset: Dataset | None = mashups
        for name in _CHAIN:
            if dataset is not None:
                dataset = store.existing(name, str(dataset.settings[name]))
        return cls(dataset)

    @classmethod
    def of_primes(cls, store: Store, clips: Dataset) -> Segments:
        """Return those that generated clips go on from; none if they go on from nothing."""
        digest = clips.settings.get("audio")
        return cls(None if digest is None else store.existing("audio", str(digest)))

    @cached_property
    def _places(self) -> dict[tuple[str, int], RowRange]:
        places = {}
        for shard, table in self.audio.tables(["file_id", "segment"]) if self.audio else ():
            names = zip(
                table.column("file_id").to_pylist(),
                table.column("segment").to_pylist(),
                strict=True,
            )
            places.update({name: RowRange(shard, at, at + 1) for at, name in enumerate(names)})
        return places

    def _read(self, file_id: str, segment: int) -> npt.NDArray[np.int16] | None:
        """Return the samples of a segment, int16 [n]; None if the store has it no more."""
        place = self._places.get((file_id, segment))
        if place is None or self.audio is None:
            return None
        [row] = vectors(self.audio.read_rows([place], ["samples"]).column("samples"))
        return row
