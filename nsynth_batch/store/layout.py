"""The four datasets of a store, in the order in which they follow from each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hdfs_jobs.datasets.dataset import Dataset
    from hdfs_jobs.datasets.store import Store

DATASETS = ("audio", "encodings", "mashups", "clips")

COMMANDS = {"audio": "shard", "encodings": "encode", "mashups": "mash", "clips": "decode"}
"""The command that makes each."""


def judged(name: str, items: int, rows: int, quarantined: int) -> int:
    """Give how many inputs a dataset's quarantine is a part of.

    An item of the audio stage is a recording, of which all or nothing is set aside; elsewhere
    single rows of an item may be.
    """
    return items if name == "audio" else rows + quarantined


def planned(store: Store, name: str, digest: str) -> Dataset:
    """Give a dataset that a later one was made from.

    Raises
    ------
    UsageError
        If it was deleted since.
    """
    from hdfs_jobs.errors import UsageError

    dataset = store.existing(name, digest)
    if dataset is None:
        raise UsageError(
            f"{store.url}/{name}/{digest} is gone, and later datasets were made from it: restore "
            f"it, or make a new one by `nsynth-batch {COMMANDS[name]}`"
        )
    return dataset
