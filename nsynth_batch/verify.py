"""Whether a store is whole: every dataset against its manifests, every recording by its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from hdfs_jobs.store import Store
from hdfs_jobs.verify import Problem
from nsynth_batch.datasets import STAGES
from nsynth_batch.sources.harvest import RAW, content_sha1


def verify_store(store: Store) -> Iterator[Problem]:
    """Read again everything that is committed.

    Parameters
    ----------
    store : Store
        What to read.

    Yields
    ------
    Problem
        A file, and what is the matter with it.
    """
    for entry in store.storage.walk(RAW):
        with store.storage.open(entry.path) as stream:
            found = content_sha1(stream)
        if found != PurePosixPath(entry.path).stem:
            yield Problem(entry.path, f"the content has SHA-1 {found}, which is not its name")
    for name in STAGES:
        for dataset in store.datasets(name):
            yield from dataset.verify()
