"""How the steps are cut into shards and batches: what all of them share.

Which mash-ups share a batch may follow from the machine that plans: it is frozen with the plan, and
the native engine makes each clip the same in any batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item, RowRange
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.text import command_line

PARTS = 16
"""Into how many shards work is cut where there is enough of it, for workers to share."""

TASK_SECONDS = 600.0
"""How long a decode task is to take, about."""

SMALLEST_BATCH = 8
"""Mash-ups a task where there are few and no setting gives the number."""

_FEWEST_AT_ONCE = 4


def per_shard(count: int, most: int, parts: int = PARTS) -> int:
    """Share items out evenly over some shards, with at most so many in one."""
    return max(1, min(most, -(-count // parts)))


def shards_of(count: int, most: int, parts: int = PARTS) -> int:
    """Return how many shards `per_shard` cuts items into."""
    return -(-count // per_shard(count, most, parts))


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


def batches_a_shard(batches: int, seconds: float, rate: float) -> int:
    """Return how many batches of clips a shard holds: about as many as a task has time for.

    Parameters
    ----------
    batches : int
        How many there are.
    seconds : float
        Of audio in all of them.
    rate : float
        Audio-seconds a second that a worker makes.
    """
    return per_shard(batches, max(1, int(TASK_SECONDS * rate * batches / max(seconds, 1e-9))))


def most_at_once(clip_seconds: float, rate: float) -> int:
    """Return how many clips of a length make a task of about ten minutes, but no fewer than four.

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


def rows_of(items: Iterable[Item]) -> int:
    """Count the rows that items are made of."""
    return sum(rows.stop - rows.start for item in items for rows in item.rows)


def planned_rows(dataset: Dataset) -> dict[int, int]:
    """Return the rows that a dataset is planned to be made from, by shard, as a number's bits.

    A set of the rows of a million recordings takes hundreds of MB.
    """
    planned: dict[int, int] = {}
    for shard in dataset.shards():
        for item in shard.items:
            for rows in item.rows:
                bits = (1 << rows.stop) - (1 << rows.start)
                planned[rows.shard] = planned.get(rows.shard, 0) | bits
    return planned


def row_ranges(rows: Sequence[tuple[int, int]]) -> tuple[RowRange, ...]:
    """Return sorted (shard, row) pairs as ranges of rows."""
    ranges: list[RowRange] = []
    for shard, row in rows:
        last = ranges[-1] if ranges else None
        if last is not None and last.shard == shard and last.stop == row:
            ranges[-1] = RowRange(shard, last.start, row + 1)
        else:
            ranges.append(RowRange(shard, row, row + 1))
    return tuple(ranges)


def title_of(file_id: str, recording: Recording | None) -> str:
    """Return what messages call a recording: its title, or its file id where it has none."""
    return recording.title if recording is not None and recording.title else file_id


def uncommitted(dataset: Dataset, command: str) -> tuple[str, ...]:
    """Return a note, if a dataset that is read is not complete.

    Parameters
    ----------
    dataset : Dataset
        What is read.
    command : str
        What completes it.
    """
    left = len(dataset.pending())
    if not left:
        return ()
    return (
        f"{left} of {len(dataset.shards())} shards of {dataset.name} are not committed yet: "
        f"{command_line(command, dataset.storage.url)} completes them",
    )
