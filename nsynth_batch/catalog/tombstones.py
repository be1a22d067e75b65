"""Tombstones: recordings that may not be used any more, because their removal was asked for.

A tombstone is a small file of its own beside the catalog's rows, so that no harvest of the same
content, not even one that runs at the same moment, can bring a recording back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage

FOLDER = "catalog/forgotten"
_SUFFIX = ".json"


@dataclass(frozen=True)
class Tombstone:
    """What stays of a forgotten recording.

    Attributes
    ----------
    file_id
        SHA-1 of the content that is not taken again.
    title
        For people.
    page_url
        A wiki's page of which nothing is taken again, later versions included; empty where the
        recording is from elsewhere, for one page may stand for many files there.
    reason
        As given to `forget --reason`.
    forgotten_at
        When, in UTC.
    """

    file_id: str
    title: str = ""
    page_url: str = ""
    reason: str = ""
    forgotten_at: str = ""


class Forgotten(Mapping[str, Tombstone]):
    """The tombstones of a store, by file id.

    Parameters
    ----------
    stones : mapping of str to Tombstone
    """

    def __init__(self, stones: Mapping[str, Tombstone] | None = None) -> None:
        self._stones = dict(stones or {})
        self._pages = {stone.page_url for stone in self._stones.values()} - {""}

    def __getitem__(self, file_id: str) -> Tombstone:
        return self._stones[file_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._stones)

    def __len__(self) -> int:
        return len(self._stones)

    def covers(self, file_id: str, page_url: str = "") -> bool:
        """Whether a recording may not be taken: its content, or its page, was forgotten."""
        return file_id in self._stones or page_url in self._pages


def read_forgotten(storage: Storage) -> Forgotten:
    """Read the tombstones of a store.

    Raises
    ------
    UsageError
        If one is damaged: which recording it is for is its name, but nothing is guessed here.
    """
    stones = {}
    for entry in sorted(storage.list(FOLDER), key=lambda entry: entry.path):
        if entry.is_dir or not entry.name.endswith(_SUFFIX):
            continue
        try:
            content = json.loads(storage.read_bytes(entry.path))
            known = {field.name: str(content.get(field.name, "")) for field in fields(Tombstone)}
        except (ValueError, AttributeError) as error:
            raise UsageError(
                f"{storage.url}/{entry.path} is no tombstone ({error}): restore it from a copy, or "
                f'write {{"file_id": "{entry.name.removesuffix(_SUFFIX)}"}} into it'
            ) from error
        stone = Tombstone(**known)
        stones[stone.file_id] = stone
    return Forgotten(stones)


def add_tombstone(storage: Storage, stone: Tombstone) -> None:
    """Put up a tombstone; one that stands already is left as it is."""
    dated = {**asdict(stone), "forgotten_at": datetime.now(UTC).isoformat(timespec="seconds")}
    data = json.dumps(dated, ensure_ascii=False, indent=2) + "\n"
    storage.publish(_path(stone.file_id), data.encode())


def restore(storage: Storage, file_id: str) -> None:
    """Take a tombstone away, if there is one."""
    storage.delete(_path(file_id))


def _path(file_id: str) -> str:
    return f"{FOLDER}/{file_id}{_SUFFIX}"
