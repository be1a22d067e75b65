"""Where things stand in a store beside its datasets, and how one dataset names another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hdfs_jobs.errors import UsageError
from nsynth_batch.text import command_line

if TYPE_CHECKING:
    from hdfs_jobs.datasets.dataset import Dataset
    from hdfs_jobs.datasets.store import Store

POOLS = "runs/pools"
"""Folder of the snapshots that pairs are drawn over."""

CORPORA = "catalog/corpora"
"""Folder of the lists of recordings that models were trained on, each by its digest."""


def upstream_of(store: Store, dataset: Dataset, name: str) -> Dataset:
    """Return the dataset that another one was made from.

    Parameters
    ----------
    store : Store
        Of both.
    dataset : Dataset
        Whose settings hold the digest of the other, under its name.
    name : str
        Of the other.

    Raises
    ------
    UsageError
        If it was deleted since.
    """
    digest = str(dataset.settings[name])
    found = store.existing(name, digest)
    if found is None:
        raise UsageError(
            f"{store.url}/{name}/{digest} is missing, and later datasets were made from it: "
            f"restore it, or make new ones by {command_line('run', store.url)}"
        )
    return found
