"""What a clip goes on from: a stretch of a segment that sounds where it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hdfs_jobs.datasets.plan import Item
from nsynth_batch.models.draws import Draws
from nsynth_batch.models.weights import Array
from nsynth_batch.store.arrays import vectors
from sequencer.audio.samples import from_int16

_PLACES = 16
"""Stretches that are chosen among begin so many times within the length of one."""
_QUIETEST = 0.01
"""One that ends 20 dB below the loudest is none to go on from."""


@dataclass(frozen=True)
class Prime:
    """A stretch of a recording.

    Attributes
    ----------
    file_id, segment
        Where it is from.
    start_seconds
        Where it begins in the recording.
    audio
        float32 [n].
    """

    file_id: str
    segment: int
    start_seconds: float
    audio: Array

    def to_row(self) -> dict[str, Any]:
        """Return it as clips hold it."""
        return {
            "file_id": self.file_id,
            "segment": self.segment,
            "start_seconds": self.start_seconds,
        }


@dataclass(frozen=True)
class ClipRows:
    """Names the rows of a batch's primes by the clips that go on from them."""

    def __call__(self, item: Item, source: pa.Table) -> list[tuple[str, str]]:
        """Return key and title of the clip of each row of `source`."""
        names = (f"clip {number}" for number in clips_of(item, source))
        return [(name, name) for name in names]


def clips_of(item: Item, source: pa.Table) -> list[int]:
    """Return the numbers of a batch's clips, in the order of the rows of `source`.

    Parameters
    ----------
    item : Item
        With the first number and the one after the last; and the segment of each, if they go on
        from one.
    source : pyarrow.Table
        Those segments, or the ones that may still be used.
    """
    first, stop = (cast(int, item.extra[end]) for end in ("first", "stop"))
    if "primes" not in item.extra:
        return list(range(first, stop))
    columns = (source.column(name).to_pylist() for name in ("file_id", "segment"))
    there = set(zip(*columns, strict=True))
    segments = cast(list[tuple[str, int]], item.extra["primes"])
    return [first + i for i, segment in enumerate(segments) if tuple(segment) in there]


def prime_of(
    source: pa.Table, row: int, samples: int, sample_rate: int, draws: Draws
) -> Prime | None:
    """Cut a clip's prime out of its segment; None where the segment is too short.

    Parameters
    ----------
    source : pyarrow.Table
        Rows of the dataset ``audio``.
    row : int
        Of the segment.
    samples : int
        How long the prime is.
    sample_rate : int
        In Hz.
    draws : Draws
        The clip's own; the third draw chooses the place.
    """
    one = source.slice(row, 1)
    [segment] = vectors(one.column("samples"))
    if len(segment) < samples:
        return None
    start = sounding_place(segment, samples, float(draws.uniform(2, 1)[0]))
    facts = one.drop_columns(["samples"]).to_pylist()[0]
    return Prime(
        facts["file_id"],
        facts["segment"],
        facts["start_seconds"] + start / sample_rate,
        from_int16(segment[start : start + samples]),
    )


def sounding_place(segment: npt.NDArray[np.int16], samples: int, draw: float) -> int:
    """Return where a stretch begins, drawn among those that do not end in silence.

    Parameters
    ----------
    segment : int16 [n]
    samples : int
        Length of the stretch, at most n.
    draw : float
        In [0, 1).

    Examples
    --------
    >>> stroke = np.zeros(1000, np.int16)
    >>> stroke[300:400] = 20_000
    >>> 300 < sounding_place(stroke, 160, 0.5) + 160 < 450
    True
    """
    starts = np.arange(0, len(segment) - samples + 1, max(1, samples // _PLACES))
    energy = np.concatenate([[0.0], np.cumsum(segment.astype(np.float64) ** 2)])
    ends = starts + samples
    power = energy[ends] - energy[ends - max(1, samples // 4)]
    sounding = starts[power >= _QUIETEST * power.max()]
    return int(sounding[int(draw * len(sounding))])
