"""Remove what killed attempts left behind."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from hdfs_jobs.backend import Entry, is_temporary
from hdfs_jobs.dataset import DRAINS, Dataset
from hdfs_jobs.store import Store

DAY = 86400.0
_ATTEMPT = re.compile(r"(\d{8,})-([0-9a-f]{32})\.(?:parquet|jsonl)")


@dataclass(frozen=True, slots=True)
class Garbage:
    """A file that nothing needs: where it is, its bytes, and why nothing needs it."""

    path: str
    size: int
    why: str


def collect_garbage(
    store: Store, *, older_than: float = DAY, dry_run: bool = False
) -> list[Garbage]:
    """Delete what no manifest and no unfinished shard needs.

    Parameters
    ----------
    store : Store
        Whose files.
    older_than : float
        Seconds since a file was last changed; younger ones may belong to a run that goes on.
    dry_run : bool
        Only list.

    Returns
    -------
    list of Garbage
        What was, or would be, deleted.
    """
    before = time.time() - older_than
    found: list[Garbage] = []
    for entry, why in _candidates(store):
        if entry.modified <= before:
            within = store.storage.walk(entry.path, temporary=True) if entry.is_dir else ()
            size = entry.size + sum(file.size for file in within)
            found.append(Garbage(entry.path, size, why))
            if not dry_run:
                store.storage.delete(entry.path, recursive=True)
    return found


def _candidates(store: Store) -> Iterator[tuple[Entry, str]]:
    storage = store.storage
    for entry in storage.walk(temporary=True):
        if is_temporary(entry.path):
            yield entry, "a file that was never finished"
    for folder in storage.list():
        if folder.is_dir and storage.exists(f"{folder.path}/latest.json"):
            for dataset in store.datasets(folder.name):
                yield from _of_dataset(dataset)
    for entry in storage.list(DRAINS):
        yield entry, "a run that was drained is over"


def _of_dataset(dataset: Dataset) -> Iterator[tuple[Entry, str]]:
    """Yield attempts that lost or died, and partial results that are no use any more."""
    attempts = {summary.shard: summary.attempt for summary in dataset.summaries()}
    for folder in (dataset.path, dataset.quarantine):
        for entry in dataset.storage.list(folder):
            name = _ATTEMPT.fullmatch(entry.name)
            if name is None or attempts.get(int(name[1])) == name[2]:
                continue
            # The index may be wrong; a manifest is not, and is asked before anything goes.
            if int(name[1]) in attempts and dataset.manifest(int(name[1])).attempt == name[2]:
                continue
            yield entry, "no manifest names this attempt"
    wanted = {f"{shard.number:08d}-{shard.digest}" for shard in dataset.pending()}
    for entry in dataset.storage.list(dataset.partials):
        if entry.name not in wanted:
            yield entry, "the shard of these partial results is not pending"
