"""Which content a store has, found by looking at its files."""

from __future__ import annotations

from hdfs_jobs.storage.base import Storage
from nsynth_batch.catalog.content import RAW


class Stored:
    """Which content a store has, found by listing: a suffix may be another than expected."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._places: dict[str, dict[str, str]] = {}

    def place(self, file_id: str) -> str | None:
        """Give the path of some content; none if it is not there, or its SHA-1 is not known."""
        if not file_id:
            return None
        folder = f"{RAW}/{file_id[:2]}"
        if folder not in self._places:
            entries = self._storage.list(folder)
            self._places[folder] = {e.name.partition(".")[0]: e.path for e in entries}
        return self._places[folder].get(file_id)
