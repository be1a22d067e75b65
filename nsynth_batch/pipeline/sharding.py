"""What each stage is to do: items made from what the stage before has committed.

Which mash-ups share a batch may follow from the machine that plans: it is frozen with the plan, and
the native engine makes each clip the same in any batch.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from hdfs_jobs.canonical_json import Json
from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item, RowRange
from hdfs_jobs.datasets.retry import Retries, find_retries
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.catalog.withheld import resting_on
from nsynth_batch.pipeline.pairs import PoolSegment
from nsynth_batch.store.ids import derived_id

PARTS = 16
"""Into how many shards work is cut where there is enough of it, for workers to share."""

MOST_RECORDINGS = 64
"""The most recordings a shard of audio is made from."""

MOST_SEGMENTS = 128
"""The most segments a shard of encodings holds, and an item of it half of that."""

MOST_PAIRS = 512
"""The most mash-ups a shard holds."""

MASH_PARTS = 2
"""Into how many shards a few mash-ups are cut: they take no time."""

MOST_RETRIES = 8
"""The most items a shard holds that were set aside before: one that is deadly holds up few."""

TASK_SECONDS = 600.0
"""How long a decode task is to take, about."""

SMALLEST_BATCH = 8
"""Mash-ups a task where there are few and nobody says how many."""

_FEWEST_AT_ONCE = 4


def per_shard(count: int, most: int, parts: int = PARTS) -> int:
    """Share items out evenly over some shards, with at most so many in one."""
    return max(1, min(most, -(-count // parts)))


def audio_items(recordings: Iterable[Recording]) -> Iterator[Item]:
    """Give an item a recording, by its path in the store: a store can be moved half done.

    Messages call it by the path that its source had it under, for titles may be alike.
    """
    for recording in recordings:
        yield Item(
            key=recording.file_id,
            title=recording.source_path or _title(recording.file_id, recording),
            url=recording.raw_url,
        )


def encode_items(
    audio: Dataset, encodings: Dataset, recordings: Mapping[str, Recording]
) -> list[Item]:
    """Give the recordings that are cut and not planned for encoding; long ones in several items.

    Those that may not be used are left out, and come with a later plan once they may be again.
    """
    planned = _planned_rows(encodings)
    items = []
    for summary in audio.summaries():
        done = planned.get(summary.shard, 0)
        if done.bit_count() == summary.rows:
            continue
        table = audio.read(summary.shard, ["file_id", "segment"])
        segments = table.column("segment").to_pylist()
        ids = [
            "" if done >> row & 1 else file_id
            for row, file_id in enumerate(table.column("file_id").to_pylist())
        ]
        # Once a recording: an hour of one is in many runs.
        found = {file_id: recordings.get(file_id) for file_id in set(ids)}
        for start, stop in _runs(ids, MOST_SEGMENTS // 2):
            recording = found[ids[start]]
            if not ids[start] or (recording is not None and recording.deleted):
                continue
            items.append(
                Item(
                    key=f"{ids[start]}:{segments[start]}-{segments[stop - 1]}",
                    title=_title(ids[start], recording),
                    rows=(RowRange(summary.shard, start, stop),),
                )
            )
    return items


def retried(dataset: Dataset, reason: str, recordings: Mapping[str, Recording]) -> Retries:
    """Find what is in quarantine and worth trying again, in the audio dataset or a later one.

    Recordings are looked for where the catalog has them now; those that were deleted from it are
    left out.

    Parameters
    ----------
    dataset : Dataset
        Whose quarantine.
    reason : str
        Entries of this reason, or ``all``.
    recordings : mapping of str to Recording
        The catalog by file id.
    """
    found = find_retries(dataset, None if reason == "all" else reason)
    if dataset.name != "audio":
        return found
    current = ((item, recordings.get(item.key)) for item in found.items)
    items = tuple(
        replace(item, url=recording.raw_url)
        for item, recording in current
        if recording is not None and not recording.deleted
    )
    return replace(found, items=items)


def segments_of(items: Sequence[Item]) -> int:
    """Count the rows that items are made of."""
    return sum(rows.stop - rows.start for item in items for rows in item.rows)


def mash_items(pairs: Iterable[tuple[PoolSegment, PoolSegment]], first: int = 0) -> Iterator[Item]:
    """Give an item a pair from pair `first` on; pair k is the k-th."""
    for k, (a, b) in islice(enumerate(pairs), first, None):
        yield Item(
            key=f"{k}:{a.file_id}.{a.segment}:{b.file_id}.{b.segment}",
            title=f"pair {k}",
            rows=tuple(RowRange(s.shard, s.row, s.row + 1) for s in (a, b)),
            extra={"pair": k},
            counts_as=1,
        )


@dataclass(frozen=True)
class Undecoded:
    """Mash-ups that no batch holds yet, longest first.

    Batches of like length waste least, and what takes longest is not left for the end.
    """

    rows: tuple[tuple[int, int, int], ...]
    """Frames, shard and row of each."""

    names: dict[int, str]
    """The content of each shard."""

    barred: int = 0
    """How many were left out for their parents."""

    def batches(self, size: int) -> Iterator[Item]:
        """Give an item a batch of at most `size` mash-ups."""
        for start in range(0, len(self.rows), size):
            chosen = sorted((shard, row) for _, shard, row in self.rows[start : start + size])
            ranges = _ranges(chosen)
            content: Json = [[self.names[r.shard], r.start, r.stop] for r in ranges]
            yield Item(
                key=derived_id({"mashups": content}),
                title=f"a batch of {len(chosen)} mash-ups",
                rows=ranges,
            )


def undecoded(mashups: Dataset, clips: Dataset, barred: Collection[str] = ()) -> Undecoded:
    """Find the mash-ups that are not planned for decoding.

    Parameters
    ----------
    mashups, clips : Dataset
        What is read and what is written.
    barred : collection of str
        Recordings, by file id, whose mash-ups are left out.
    """
    planned = _planned_rows(clips)
    left: list[tuple[int, int, int]] = []
    names = {}
    left_out = 0
    for summary in mashups.summaries():
        done = planned.get(summary.shard, 0)
        if done.bit_count() == summary.rows:
            continue
        names[summary.shard] = summary.sha256
        resting: set[int] = set()
        if barred:
            parents = mashups.read(summary.shard, ["a", "b"])
            rows = resting_on(barred, parents).to_pylist()
            resting.update(row for row in rows if not done >> row & 1)
        left_out += len(resting)
        frames = mashups.read(summary.shard, ["frames"]).column("frames").to_pylist()
        left += [
            (n, summary.shard, row)
            for row, n in enumerate(frames)
            if not done >> row & 1 and row not in resting
        ]
    left.sort(key=lambda row: (-row[0], *row[1:]))
    return Undecoded(tuple(left), names, left_out)


def recordings_of(dataset: Dataset, upstream: Dataset | None) -> Iterator[str]:
    """Give the file ids of the recordings that what is planned and not committed is made from.

    Parameters
    ----------
    dataset : Dataset
        What is written.
    upstream : Dataset or None
        What it is made from.
    """
    items = (item for shard in dataset.pending() for item in shard.items)
    if dataset.name == "clips" and upstream is not None:
        for item in items:
            for mash in upstream.read_rows(item.rows, ["a", "b"]).to_pylist():
                yield from (mash["a"]["file_id"], mash["b"]["file_id"])
    else:
        for item in items:
            yield from re.findall(r"[0-9a-f]{40}", item.key)


def batch_size(mashups: int, most: int) -> int:
    """Choose how many mash-ups a task decodes.

    Many read the weights once for all; a few tasks are wanted, for workers to share.

    Parameters
    ----------
    mashups : int
        How many there are to decode.
    most : int
        As many as fill the engine, or take the time that a task is to take.
    """
    return max(1, min(most, max(SMALLEST_BATCH, -(-mashups // 8))))


def most_at_once(clip_seconds: float, rate: float) -> int:
    """Give how many clips of a length make a task of about ten minutes, but no fewer than four.

    Fewer would read the weights of a large model for so little that all would take longer.

    Parameters
    ----------
    clip_seconds : float
        Mean length.
    rate : float
        Audio-seconds a second. It is to follow from the model alone: what is decoded together
        may not depend on how many workers there were, or how busy.
    """
    return max(_FEWEST_AT_ONCE, int(TASK_SECONDS * rate / max(clip_seconds, 1e-9)))


def _title(file_id: str, recording: Recording | None) -> str:
    return recording.title if recording is not None and recording.title else file_id


def _planned_rows(dataset: Dataset) -> dict[int, int]:
    """Give the rows that a dataset is planned to be made from, by shard, as the bits of a number.

    A set of the rows of a million recordings takes hundreds of MB.
    """
    planned: dict[int, int] = {}
    for shard in dataset.shards():
        for item in shard.items:
            for rows in item.rows:
                bits = (1 << rows.stop) - (1 << rows.start)
                planned[rows.shard] = planned.get(rows.shard, 0) | bits
    return planned


def _runs(values: Sequence[str], most: int) -> Iterator[tuple[int, int]]:
    """Give start and stop of each stretch of equal values, at most so long."""
    start = 0
    for position in range(1, len(values) + 1):
        ends = position == len(values) or values[position] != values[start]
        if ends or position - start == most:
            yield start, position
            start = position


def _ranges(rows: Sequence[tuple[int, int]]) -> tuple[RowRange, ...]:
    ranges: list[RowRange] = []
    for shard, row in rows:
        last = ranges[-1] if ranges else None
        if last is not None and last.shard == shard and last.stop == row:
            ranges[-1] = RowRange(shard, last.start, row + 1)
        else:
            ranges.append(RowRange(shard, row, row + 1))
    return tuple(ranges)
