"""What has come of a file so far, kept in the store: a killed download goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator

from hdfs_jobs.errors import InfrastructureError
from hdfs_jobs.storage.base import Entry, Storage
from nsynth_batch.catalog.content import blocks

PARTIALS = "runs/partial/harvest"
PIECE_BYTES = 8 << 20
"""How much of a file is held in memory before it is kept, and lost at most by a kill."""

_VALIDATOR = "validator"
_OLD_SECONDS = 30 * 86400.0


class Partial:
    """The beginning of a file: pieces in the store, and what came after them in memory.

    A storage cannot be appended to, so each piece is a file, named by where it begins. A file
    smaller than a piece is never written here.

    Parameters
    ----------
    storage : Storage
        The store's.
    key : str
        Identifies this content among all.
    """

    def __init__(self, storage: Storage, key: str) -> None:
        self._storage = storage
        self._folder = f"{PARTIALS}/{key}"
        self._rest = bytearray()
        self._pieces: list[Entry] = []
        self._kept = 0
        self._saved_validator = ""
        entries = {entry.name: entry for entry in storage.list(self._folder)}
        if _VALIDATOR in entries:
            self._saved_validator = storage.read_bytes(entries[_VALIDATOR].path).decode()
        while piece := entries.get(_name(self._kept)):
            self._pieces.append(piece)
            self._kept += piece.size
        self.validator = self._saved_validator

    @property
    def have(self) -> int:
        """How many bytes there are."""
        return self._kept + len(self._rest)

    def write(self, block: bytes) -> None:
        """Take what came next."""
        self._rest += block
        if len(self._rest) >= PIECE_BYTES:
            self.keep()

    def keep(self) -> None:
        """Write what is in memory, so that it outlives this process.

        Raises
        ------
        InfrastructureError
            If another process fetches the same file.
        """
        if not self._rest:
            return
        if self.validator != self._saved_validator:
            self._storage.replace(f"{self._folder}/{_VALIDATOR}", self.validator.encode())
            self._saved_validator = self.validator
        path = f"{self._folder}/{_name(self._kept)}"
        try:
            with self._storage.create(path) as stream:
                stream.write(self._rest)
        except FileExistsError as error:
            raise InfrastructureError(
                f"{self._storage.url}/{path}: another harvest fetches the same file; run one at "
                "a time"
            ) from error
        self._pieces.append(Entry(path, len(self._rest), False, time.time()))
        self._kept += len(self._rest)
        self._rest.clear()

    def blocks(self) -> Iterator[bytes]:
        """Yield all of it, never much at once."""
        for piece in self._pieces:
            with self._storage.open(piece.path) as stream:
                yield from blocks(stream)
        yield bytes(self._rest)

    def discard(self) -> None:
        """Forget all of it."""
        if self._pieces or self._saved_validator:
            self._storage.delete(self._folder, recursive=True)
        self._pieces, self._kept = [], 0
        self._rest.clear()
        self.validator = self._saved_validator = ""


def discard_old(storage: Storage, keys: Collection[str]) -> None:
    """Delete partial downloads that no harvest has continued for a month.

    Parameters
    ----------
    storage : Storage
        The store's.
    keys : collection of str
        Of downloads that are still wanted.
    """
    for folder in storage.list(PARTIALS):
        if folder.name not in keys and time.time() - folder.modified > _OLD_SECONDS:
            storage.delete(folder.path, recursive=True)


def _name(start: int) -> str:
    return f"{start:015d}"
