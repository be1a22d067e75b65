"""The snapshot of encoded segments that the pairs of a seed are drawn over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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

SHORTEST_FRAMES = 32
"""About a second: a shorter segment is left out where its recording has longer ones."""

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
    """

    segments: tuple[PoolSegment, ...]
    encoded_rows: int


def take_pool(
    encodings: Dataset,
    recordings: Mapping[str, Recording],
    *,
    allow_unknown: bool,
    themes: Themes | None = None,
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
    """
    table = themes or load_themes()
    segments = sorted(
        _long_enough(list(_encoded(encodings, recordings, allow_unknown, table))),
        key=lambda s: (s.file_id, s.segment),
    )
    return Pool(tuple(segments), encodings.totals().rows)


def save_pool(mashups: Dataset, pool: Pool) -> None:
    """Keep the pool that the pairs of a mash-ups dataset are drawn over, for good."""
    metadata = {_ENCODED_ROWS: str(pool.encoded_rows).encode()}
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
    encoded_rows = (table.schema.metadata or {}).get(_ENCODED_ROWS, b"")
    if not table.schema.equals(_SCHEMA) or not encoded_rows.isdigit():
        raise UsageError(f"{storage.url}/{path} is no pool of this version: {_REMEDY}")
    segments = tuple(
        PoolSegment(**{**row, "categories": tuple(row["categories"])}) for row in table.to_pylist()
    )
    return Pool(segments, int(encoded_rows))


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


def _long_enough(segments: list[PoolSegment]) -> Iterator[PoolSegment]:
    longest: dict[str, int] = {}
    for segment in segments:
        longest[segment.file_id] = max(segment.frames, longest.get(segment.file_id, 0))
    for segment in segments:
        if segment.frames >= min(SHORTEST_FRAMES, longest[segment.file_id]):
            yield segment
