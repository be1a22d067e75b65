"""Try again what was quarantined.

A manifest is never overwritten and a committed shard never regrouped, so what is tried again is
planned as new shards. Their items name the quarantine entries that they are made from, and their
manifests say that these are settled: what was quarantined counts until its new shard is committed,
and from then on counts there, if it failed again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.manifest import Note, Quarantined, Settled
from hdfs_jobs.datasets.plan import Item, RowRange, Shard


@dataclass(frozen=True)
class Retries:
    """What can be tried again.

    Attributes
    ----------
    items : tuple of Item
        To be planned with ``again=True``.
    others : mapping of str to int
        Entries of other reasons than the one asked for, by reason.
    stuck : int
        Entries of which it is not known what they were made from.
    """

    items: tuple[Item, ...]
    others: Counter[str]
    stuck: int


def open_entries(dataset: Dataset) -> Iterator[tuple[int, Quarantined]]:
    """Yield what is in quarantine, with the number of its shard.

    An entry that a committed shard has settled is left out.
    """
    summaries = list(dataset.summaries())
    settled = {
        (entry.shard, entry.key)
        for summary in summaries
        if summary.settled
        for entry in dataset.manifest(summary.shard).settles
    }
    for summary in summaries:
        if summary.quarantined:
            for found in dataset.manifest(summary.shard).quarantined:
                if (summary.shard, found.key) not in settled:
                    yield summary.shard, found


def notes(dataset: Dataset) -> Iterator[Note]:
    """Yield the notes of all committed shards, by shard."""
    for summary in list(dataset.summaries()):
        if summary.notes:
            yield from dataset.manifest(summary.shard).notes


def find_retries(dataset: Dataset, reason: str | Collection[str] | None = None) -> Retries:
    """Find what is in quarantine and not planned to be tried again.

    Parameters
    ----------
    dataset : Dataset
        Whose quarantine.
    reason : str, collection of str or None
        Only entries of this reason, or of one of these.
    """
    reasons = [reason] if isinstance(reason, str) else reason
    planned = {
        (entry.shard, entry.key)
        for shard in dataset.shards()
        for item in shard.items
        for entry in item.settles
    }
    wanted: dict[int, list[Quarantined]] = {}
    others: Counter[str] = Counter()
    for number, entry in open_entries(dataset):
        if (number, entry.key) in planned:
            continue
        if reasons is None or entry.reason in reasons:
            wanted.setdefault(number, []).append(entry)
        else:
            others[entry.reason] += 1
    items: list[Item] = []
    for shard in dataset.shards():
        if shard.number in wanted:
            items += _items_of(shard, wanted[shard.number])
    found = sum(len(entries) for entries in wanted.values())
    return Retries(tuple(items), others, found - sum(len(item.settles) for item in items))


def _items_of(shard: Shard, entries: Sequence[Quarantined]) -> Iterator[Item]:
    """Yield an item for each one that was quarantined whole or lost some of its rows."""
    whole = {entry.key: entry for entry in entries if not entry.item}
    rows: dict[str, list[Quarantined]] = {}
    for entry in entries:
        if entry.item and entry.row is not None:
            rows.setdefault(entry.item, []).append(entry)
    for item in shard.items:
        if item.key in whole:
            yield replace(item, settles=_settled(shard, [whole[item.key]]))
        elif lost := rows.get(item.key):
            places = sorted({entry.row for entry in lost if entry.row is not None})
            yield replace(
                item,
                key=f"{item.key}#{','.join(map(str, places))}",
                rows=tuple(_pick(item.rows, places)),
                counts_as=None,
                settles=_settled(shard, lost),
            )


def _settled(shard: Shard, entries: Iterable[Quarantined]) -> tuple[Settled, ...]:
    return tuple(Settled(shard.number, entry.key, entry.rows) for entry in entries)


def _pick(ranges: Sequence[RowRange], places: Sequence[int]) -> Iterator[RowRange]:
    """Yield the upstream rows at some places of the table that ranges make."""
    start = 0
    for part in ranges:
        stop = start + part.stop - part.start
        for place in places:
            if start <= place < stop:
                row = part.start + place - start
                yield RowRange(part.shard, row, row + 1)
        start = stop
