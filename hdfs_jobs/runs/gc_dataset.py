"""Delete a whole dataset that nothing needs any more, so that a kill at any point is made good.

Manifests go first: readers go by them. The settings go last: they make the dataset known, so that
what a killed removal leaves is a dataset without committed shards, which can be removed again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.gc import Garbage, is_at_work, storage_time
from hdfs_jobs.storage.base import Entry, Storage


def find_dataset(store: Store, digest: str) -> Dataset:
    """Return the dataset of a digest, or of the beginning of one.

    Raises
    ------
    UsageError
        No dataset is meant, or several are.
    """
    every = (dataset for name in store.names() for dataset in store.datasets(name))
    found = [dataset for dataset in every if digest and dataset.digest.startswith(digest)]
    if len(found) != 1:
        paths = ", ".join(dataset.path for dataset in found) or "none"
        raise UsageError(
            f"{store.url}: one dataset is to be meant by {digest!r}, and there is {paths}; "
            "`status --datasets` lists them"
        )
    return found[0]


def remove_dataset(
    store: Store, dataset: Dataset, also: Iterable[str] = (), *, dry_run: bool = False
) -> list[Garbage]:
    """Delete a dataset: its rows, manifests, quarantine, plan and settings.

    Parameters
    ----------
    store : Store
        Whose lease the caller holds, unless it is a dry run.
    dataset : Dataset
        One that is not current, and that no other was made from.
    also : iterable of str
        Further paths that only this dataset needs.
    dry_run : bool
        Only list.

    Returns
    -------
    list of Garbage
        What was, or would be, deleted.

    Raises
    ------
    UsageError
        The dataset is needed, or an attempt may be at work on it.
    """
    _require_unneeded(store, dataset)
    storage = store.storage
    why = f"of {dataset.path}"
    plans = f"runs/plans/{dataset.path}"
    folders = (f"{dataset.path}/manifests", dataset.quarantine, dataset.partials, plans)
    paths = [f"{dataset.path}/index.jsonl.gz", *folders, *also, dataset.path]
    found: dict[str, Garbage] = {}
    for path in paths:
        for entry in _files(storage, path):
            found.setdefault(entry.path, Garbage(entry.path, entry.size, why))
    if not dry_run:
        for path in paths[:-1]:
            storage.delete(path, recursive=True)
        # The settings are what a second call finds the dataset by.
        for entry in list(storage.list(dataset.path, temporary=True)):
            if entry.name != "settings.json":
                storage.delete(entry.path, recursive=True)
        storage.delete(dataset.path, recursive=True)
    return list(found.values())


def _require_unneeded(store: Store, dataset: Dataset) -> None:
    if dataset.digest in {one.digest for one in store.current(dataset.name)}:
        raise UsageError(
            f"{dataset.path} is the current one of its kind and stays; `status --datasets` shows "
            "which are not"
        )
    for name in store.names():
        for other in store.datasets(name):
            if other.settings.get(dataset.name) == dataset.digest:
                raise UsageError(
                    f"{dataset.path} stays: {other.path} was made from it; delete that first"
                )
    if is_at_work(dataset, storage_time(store.storage)):
        raise UsageError(
            f"{dataset.path} stays: a worker may be at work on it; try again in a day, or once "
            "`gc` has removed what killed runs left"
        )


def _files(storage: Storage, path: str) -> Iterator[Entry]:
    try:
        entry = storage.stat(path)
    except FileNotFoundError:
        return
    if entry.is_dir:
        yield from storage.walk(path, temporary=True)
    else:
        yield entry
