"""A store: one URL with a format version, and the datasets under it."""

from __future__ import annotations

from collections.abc import Mapping

from hdfs_jobs.backend import Storage
from hdfs_jobs.canonical import Json
from hdfs_jobs.dataset import Dataset


class Store:
    """An opened store."""

    storage: Storage
    url: str

    @classmethod
    def open(cls, url: str, *, create: bool = False) -> Store: ...

    def dataset(self, name: str, settings: Mapping[str, Json]) -> Dataset:
        """Return the dataset with these settings; nothing is written before its plan."""
        ...

    def datasets(self, name: str) -> list[Dataset]: ...

    def latest(self, name: str) -> Dataset | None: ...
