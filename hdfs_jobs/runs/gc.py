"""Remove what killed attempts left behind, and nothing that an attempt in progress may need.

A caller holds the store's lease, so no driver is at work; but a worker that lost its driver goes
on with its shard until that is committed, and has a mark. While a young mark stands, the files
of attempts at that dataset stay for a day, however young garbage may be; and a manifest that is
published meanwhile is looked for before its file is deleted.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from hdfs_jobs.datasets.dataset import DRAINS, Dataset
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.attempts import is_mark_of_attempt
from hdfs_jobs.runs.lease import FOLDER, HOLDER
from hdfs_jobs.storage.base import Entry, Storage, is_temporary

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
    """Delete what no manifest, no unfinished shard and no attempt in progress needs.

    Ages are by the storage's own clock: this machine's may be hours off.

    Parameters
    ----------
    store : Store
        Whose files; no run may be at work on it.
    older_than : float
        Seconds since a file was last changed; younger ones are left.
    dry_run : bool
        Only list.

    Returns
    -------
    list of Garbage
        What was, or would be, deleted.
    """
    storage = store.storage
    now = storage_time(storage)
    found: list[Garbage] = []
    for entry, why, least in _candidates(store, now):
        if now - entry.modified < max(least, older_than):
            continue
        within = storage.walk(entry.path, temporary=True) if entry.is_dir else ()
        size = entry.size + sum(file.size for file in within)
        found.append(Garbage(entry.path, size, why))
        if not dry_run:
            storage.delete(entry.path, recursive=True)
    return found


def storage_time(storage: Storage) -> float:
    """Return what time it is where files get theirs."""
    # Should this process die before it deletes the file, the next one does.
    probe = f"{DRAINS}/{uuid.uuid4().hex}"
    storage.publish(probe, b"")
    try:
        return storage.stat(probe).modified
    finally:
        storage.delete(probe)


def _candidates(store: Store, now: float) -> Iterator[tuple[Entry, str, float]]:
    """Yield what may be deleted, why, and how old it must be at least."""
    storage = store.storage
    datasets = [dataset for name in store.names() for dataset in store.datasets(name)]
    least = {dataset.path: DAY if is_at_work(dataset, now) else 0.0 for dataset in datasets}
    for entry in storage.walk(temporary=True):
        if is_temporary(entry.path):
            ages = [age for path, age in least.items() if f"/{path}/" in f"/{entry.path}"]
            yield entry, "a file that was never finished", max(ages, default=0.0)
    for dataset in datasets:
        for entry, why in _of_dataset(dataset):
            yield entry, why, least[dataset.path]
    for entry in storage.list(DRAINS):
        yield entry, "a run that was drained is over", 0.0
    for entry in storage.list(FOLDER):
        if entry.path != HOLDER:
            yield entry, "the run that held the store is over", DAY


def is_at_work(dataset: Dataset, now: float) -> bool:
    """Whether a process may be at work on a shard: its mark stands, and is not a day old."""
    kept = dataset.storage.walk(dataset.partials, temporary=True)
    return any(is_mark_of_attempt(e.path) and now - e.modified < DAY for e in kept)


def _of_dataset(dataset: Dataset) -> Iterator[tuple[Entry, str]]:
    """Yield attempts that lost or died, and partial results that are no use any more."""
    storage = dataset.storage
    # In this order: a shard that is committed in between has a manifest in the last list.
    files = [entry for path in (dataset.path, dataset.quarantine) for entry in storage.list(path)]
    kept = list(storage.list(dataset.partials))
    attempts = {summary.shard: summary.attempt for summary in dataset.snapshot().summaries()}
    for entry in files:
        name = _ATTEMPT.fullmatch(entry.name)
        if name is None or attempts.get(int(name[1])) == name[2]:
            continue
        # The index may be wrong; a manifest is not, and is asked before anything goes.
        if int(name[1]) in attempts and dataset.manifest(int(name[1])).attempt == name[2]:
            continue
        yield entry, "no manifest names this attempt"
    wanted = {f"{shard.number:08d}-{shard.digest}" for shard in dataset.pending()}
    for entry in kept:
        if entry.name not in wanted:
            yield entry, "the shard of these partial results is not pending"
