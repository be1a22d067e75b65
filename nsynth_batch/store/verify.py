"""Whether a store is whole: datasets against manifests, recordings against names and catalog."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import PurePosixPath

import pyarrow as pa

from hdfs_jobs.datasets.parquet import parquet_file
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.datasets.verify import Problem
from hdfs_jobs.storage.open import is_remote, open_url
from nsynth_batch.catalog.catalog import FOLDER, Catalog
from nsynth_batch.catalog.content import RAW, content_sha1
from nsynth_batch.store.layout import POOLS


def verify_store(store: Store) -> Iterator[Problem]:
    """Read again everything that is committed.

    Parameters
    ----------
    store : Store
        What to read.

    Yields
    ------
    Problem
        A file, and what is wrong with it.
    """
    there = set()
    for entry in store.storage.walk(RAW):
        there.add(entry.path)
        with store.storage.open(entry.path) as stream:
            found = content_sha1(stream)
        if found != PurePosixPath(entry.path).stem:
            yield Problem(entry.path, f"the content has SHA-1 {found}, which is not its name")
    damaged = list(_unreadable(store, FOLDER))
    yield from damaged
    if not damaged:
        yield from _missing_recordings(store, there)
    yield from _unreadable(store, POOLS)
    for name in store.names():
        for dataset in store.datasets(name):
            yield from dataset.verify()


def _unreadable(store: Store, folder: str) -> Iterator[Problem]:
    """Find the tables of a folder that cannot be read: they have no manifest to be held to."""
    for entry in store.storage.list(folder):
        if not entry.path.endswith(".parquet"):
            continue
        try:
            with store.storage.open(entry.path) as stream:
                parquet_file(stream).read(use_threads=False)
        except (pa.ArrowException, OSError) as error:
            yield Problem(entry.path, f"cannot be read: {error}")


def _missing_recordings(store: Store, there: Set[str]) -> Iterator[Problem]:
    for recording in Catalog(store.storage).recordings().current():
        path = recording.raw_url
        missing = Problem(path, f"missing, though the catalog has it as {recording.title!r}")
        if is_remote(path):
            try:
                with open_url(path) as stream:
                    found = content_sha1(stream)
            except FileNotFoundError:
                yield missing
                continue
            if found != recording.file_id:
                yield Problem(
                    path, f"changed since it was harvested: its SHA-1 was {recording.file_id}"
                )
        elif path not in there:
            yield missing
