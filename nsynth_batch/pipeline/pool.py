"""The snapshot of encoded segments that the pairs of a seed are drawn over."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.errors import UsageError
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.catalog.tables import read_table
from nsynth_batch.catalog.themes import Themes, load_themes
from nsynth_batch.pipeline.pairs import PoolSegment
from nsynth_batch.store.layout import POOLS

LEAST_SECONDS = 2.0
"""Shorter segments are left out where `ENOUGH` recordings have longer ones …"""
ENOUGH = 4
"""… on each side of a pair; so that clips are of a useful length."""
SHORTEST_FRAMES = 32
"""About a second: where too few are longer, a shorter segment is left out if its recording has
longer ones."""

_SCHEMA = pa.schema(
    [
        ("file_id", pa.string()),
        ("segment", pa.int32()),
        ("shard", pa.int32()),
        ("row", pa.int32()),
        ("frames", pa.int32()),
        ("categories", pa.list_(pa.string())),
    ]
)


_ENCODED_ROWS = b"encoded_rows"
_LEAST_SECONDS, _TOO_SHORT, _SHORT = b"least_seconds", b"too_short", b"short_recordings"

_REMEDY = "restore it from a copy, or mash under another --seed, which draws over a pool of its own"


@dataclass(frozen=True)
class Pool:
    """A pool as it was when its snapshot was taken.

    Attributes
    ----------
    segments
        Sorted by recording and segment.
    encoded_rows
        How many segments were encoded then, those that are not in the pool included.
    least_seconds
        What was left out as shorter: 0 where each recording decided by itself; None where an
        earlier release took the pool.
    too_short
        How many segments were.
    short_recordings
        File ids of the recordings that have no longer segment; none where an earlier release took
        the pool.
    """

    segments: tuple[PoolSegment, ...]
    encoded_rows: int
    least_seconds: float | None = None
    too_short: int = 0
    short_recordings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shortest:
    """Which segments are too short for a pool.

    Attributes
    ----------
    seconds
        The least that was asked for; None takes `LEAST_SECONDS` where enough are longer.
    frame_seconds
        Of audio that a frame stands for.
    categories
        Of each recording of a pair; None takes any.
    """

    seconds: float | None
    frame_seconds: float
    categories: tuple[str, ...] | None = None

    def least(self, segments: Sequence[PoolSegment]) -> float:
        """Return how long a segment has to be, in seconds; 0 where its recording decides."""
        if self.seconds is not None:
            return self.seconds
        longer = [s for s in segments if s.frames * self.frame_seconds >= LEAST_SECONDS]
        sides = self.categories or (None, None)
        enough = all(len(_recordings(longer, side)) >= ENOUGH for side in sides)
        return LEAST_SECONDS if enough else 0.0

    def frames(self, seconds: float) -> int:
        """Return the frames of so many seconds; a segment has whole ones."""
        return math.ceil(seconds / self.frame_seconds - 1e-9)


def take_pool(
    encodings: Dataset,
    recordings: Mapping[str, Recording],
    *,
    allow_unknown: bool,
    themes: Themes | None = None,
    shortest: Shortest | None = None,
) -> Pool:
    """Take the pool of what is encoded now.

    Parameters
    ----------
    encodings : Dataset
        What is encoded.
    recordings : mapping of str to Recording
        The catalog by file id: deleted ones are not in the pool.
    allow_unknown : bool
        Whether recordings from a wiki without a known licence are in it.
    themes : Themes, optional
        What segments are paired by, beside the categories of their recordings.
    shortest : Shortest, optional
        Which segments are left out as too short; by default each recording decides by itself.
    """
    table = themes or load_themes()
    every = list(_encoded(encodings, recordings, allow_unknown, table))
    least = 0.0 if shortest is None else shortest.least(every)
    if shortest is not None and least:
        frames = shortest.frames(least)
        kept = [segment for segment in every if segment.frames >= frames]
    else:
        kept = list(_long_enough(every))
    kept.sort(key=lambda s: (s.file_id, s.segment))
    short = {segment.file_id for segment in every} - {segment.file_id for segment in kept}
    return Pool(
        tuple(kept),
        encodings.totals().rows,
        least,
        too_short=len(every) - len(kept),
        short_recordings=tuple(sorted(short)),
    )


def save_pool(mashups: Dataset, pool: Pool) -> None:
    """Keep the pool that the pairs of a mash-ups dataset are drawn over, for good."""
    metadata = {
        _ENCODED_ROWS: str(pool.encoded_rows).encode(),
        _TOO_SHORT: str(pool.too_short).encode(),
        _SHORT: json.dumps(pool.short_recordings).encode(),
    }
    if pool.least_seconds is not None:
        metadata[_LEAST_SECONDS] = repr(pool.least_seconds).encode()
    rows = [asdict(segment) for segment in pool.segments]
    table = pa.Table.from_pylist(rows, schema=_SCHEMA.with_metadata(metadata))
    with mashups.storage.create(pool_path(mashups)) as stream:
        pq.write_table(table, stream, compression="zstd")


def load_pool(mashups: Dataset) -> Pool | None:
    """Return the pool that was kept for a mash-ups dataset; None where none was.

    Recordings encoded after it was taken are not in it, so that pair k stays what it is: they
    are mashed up under another seed.

    Raises
    ------
    UsageError
        If it is damaged.
    """
    storage, path = mashups.storage, pool_path(mashups)
    try:
        table = read_table(storage, path, _REMEDY)
    except FileNotFoundError:
        return None
    metadata = table.schema.metadata or {}
    encoded_rows = metadata.get(_ENCODED_ROWS, b"")
    if not table.schema.equals(_SCHEMA) or not encoded_rows.isdigit():
        raise UsageError(f"{storage.url}/{path} is no pool of this version: {_REMEDY}")
    segments = tuple(
        PoolSegment(**{**row, "categories": tuple(row["categories"])}) for row in table.to_pylist()
    )
    least = metadata.get(_LEAST_SECONDS)
    return Pool(
        segments,
        int(encoded_rows),
        None if least is None else float(least),
        int(metadata.get(_TOO_SHORT, b"0")),
        tuple(json.loads(metadata.get(_SHORT, b"[]"))),
    )


def pool_path(mashups: Dataset) -> str:
    """Return the place of the pool of a mash-ups dataset in its store."""
    return f"{POOLS}/{mashups.digest}.parquet"


def _encoded(
    encodings: Dataset,
    recordings: Mapping[str, Recording],
    allow_unknown: bool,
    themes: Themes,
) -> Iterator[PoolSegment]:
    for shard, table in encodings.tables(["file_id", "segment", "frames"]):
        rows = table.to_pylist()
        categories = {}
        # Once a recording: looked up for each segment, a large catalog takes minutes.
        for file_id in {row["file_id"] for row in rows}:
            recording = recordings.get(file_id)
            if recording is None or recording.deleted:
                continue
            if recording.usable or allow_unknown:
                categories[file_id] = themes.with_themes(recording.categories)
        for at, row in enumerate(rows):
            file_id = row["file_id"]
            if file_id in categories:
                yield PoolSegment(
                    file_id, row["segment"], shard, at, row["frames"], categories[file_id]
                )


def _recordings(segments: Iterable[PoolSegment], category: str | None) -> set[str]:
    """Return the recordings of some segments that are of a category, or all of them."""
    wanted = None if category is None else category.casefold()
    return {
        segment.file_id
        for segment in segments
        if wanted is None or wanted in {name.casefold() for name in segment.categories}
    }


def _long_enough(segments: list[PoolSegment]) -> Iterator[PoolSegment]:
    longest: dict[str, int] = {}
    for segment in segments:
        longest[segment.file_id] = max(segment.frames, longest.get(segment.file_id, 0))
    for segment in segments:
        if segment.frames >= min(SHORTEST_FRAMES, longest[segment.file_id]):
            yield segment
