"""What generated clips were learned from, as sound: where a store has the recordings."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import groupby, islice

import numpy as np
import numpy.typing as npt

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.store import Store
from nsynth_batch.store.arrays import vectors
from sequencer.audio.samples import from_int16
from sequencer.clips.corpus import Corpus
from sequencer.clips.course import course
from sequencer.clips.gate import Origin
from sequencer.clips.passages import Passages
from sequencer.clips.texture import Texture, texture

_PIECE_SECONDS = 30.0
"""Of a recording that is looked at, where loops and noise are looked for."""
_MOST_LOOPS, _MOST_TEXTURES = 256, 16
"""Recordings that are looked at for loops, and for noise."""
_MOST_TIMES = 8
"""How often a loop of a recording may fit into a clip's, or the clip's into it."""
_IN_TIME = 0.03

Samples = npt.NDArray[np.float32]


class CorpusSound:
    """Measures generated clips beside the recordings that their model was trained on.

    Recordings are found among the store's segments of the clips' rate, by their content. Where a
    model was trained on others they are not known, and a clip is decided by itself.

    Parameters
    ----------
    store : Store
        Whose segments are read.
    corpus : Corpus
        What the model was trained on.
    sample_rate : int
        Of the clips, in Hz.
    """

    def __init__(self, store: Store, corpus: Corpus, sample_rate: int) -> None:
        self._store = store
        self._numbers = {row.file: number for number, row in enumerate(corpus.recordings)}
        self._rate = sample_rate

    def origin(self, samples: npt.NDArray[np.int16]) -> Origin:
        """Return what a clip int16 [n] is like, and how it stands to the recordings."""
        clip = from_int16(samples)
        found = course(clip, self._rate)
        own = texture(clip, self._rate) if self._audio is not None else Texture(0, 0.0, 0.0)
        least = self._least_texture if own.noisy else None
        copied = None if self._passages is None else self._passages.find(clip)
        there = copied is not None and copied.source >= 0
        return Origin(
            frames=own.frames,
            structure=own.structure,
            voiced=own.voiced,
            source_structure=None if least is None else least.structure,
            source_voiced=None if least is None else least.voiced,
            likeness=found.likeness,
            period=found.period,
            since=found.since,
            silent_from=found.silent_from,
            source_period=self._in_time(found.period) if found.loops else None,
            copied=None if copied is None else copied.share,
            copied_at=copied.at if copied is not None and there else None,
            copied_since=copied.since if copied is not None and there else None,
            copied_from=copied.source if copied is not None and there else None,
        )

    @cached_property
    def _audio(self) -> Dataset | None:
        """The segments that hold recordings of the corpus; None where there are none."""
        current = self._store.current("audio")
        others = [
            one
            for one in self._store.datasets("audio")
            if one.digest not in {each.digest for each in current}
        ]
        for dataset in (*current, *others):
            if dataset.settings["sample_rate"] == self._rate:
                for _, table in dataset.tables(["file_id"]):
                    if not self._numbers.keys().isdisjoint(table.column("file_id").to_pylist()):
                        return dataset
        return None

    def _recordings(self) -> Iterator[tuple[int, Samples]]:
        """Yield number and samples of each recording of the corpus that the store has."""
        if self._audio is None:
            return
        for shard, names in self._audio.tables(["file_id"]):
            if self._numbers.keys().isdisjoint(names.column("file_id").to_pylist()):
                continue
            table = self._audio.read(shard, ["file_id", "samples"])
            ids = table.column("file_id").to_pylist()
            rows = zip(ids, vectors(table.column("samples")), strict=True)
            for file_id, segments in groupby(rows, key=lambda row: row[0]):
                if file_id in self._numbers:
                    whole = np.concatenate([segment for _, segment in segments])
                    yield self._numbers[file_id], from_int16(whole)

    @cached_property
    def _passages(self) -> Passages | None:
        if self._audio is None:
            return None
        passages = Passages(self._rate)
        for number, samples in self._recordings():
            if passages.full:
                break
            passages.add(number, samples)
        return passages

    @cached_property
    def _periods(self) -> list[float]:
        """The periods of recordings that loop."""
        most = round(_PIECE_SECONDS * self._rate)
        courses = (
            course(samples[:most], self._rate)
            for _, samples in islice(self._recordings(), _MOST_LOOPS)
        )
        return [one.period for one in courses if one.loops]

    @cached_property
    def _least_texture(self) -> Texture | None:
        """The texture of the recording that is the most like noise."""
        most = round(_PIECE_SECONDS * self._rate)
        found = [
            texture(samples[:most], self._rate)
            for _, samples in islice(self._recordings(), _MOST_TEXTURES)
        ]
        return min(found, key=lambda one: (not one.noisy, one.structure), default=None)

    def _in_time(self, period: float) -> float | None:
        """Return the period of a recording that loops in time with a clip."""
        for one in self._periods:
            times = max(one, period) / min(one, period)
            if round(times) <= _MOST_TIMES and abs(times / round(times) - 1) <= _IN_TIME:
                return one
        return None
