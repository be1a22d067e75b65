"""What a storage backend offers, and the rules for paths that all of them share."""

from __future__ import annotations

import hashlib
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from hdfs_jobs.errors import UsageError

TEMPORARY_PREFIX = ".tmp-"
SWAP_SECONDS = 10.0
"""How long another process may take for the two steps of `RenamingStorage.replace_if`."""


class UnsuitableError(OSError):
    """A storage lacks an operation that a store needs, and always will."""

    exit_code = UsageError.exit_code


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or folder in a storage.

    Attributes
    ----------
    path : str
        Relative to the storage's root.
    size : int
        Bytes; 0 for a folder.
    is_dir : bool
        Whether it is a folder.
    modified : float
        Time of the last change, seconds since 1970.
    """

    path: str
    size: int
    is_dir: bool
    modified: float

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


def check_path(path: str) -> str:
    """Return a path that stays inside its storage, or raise ValueError.

    Parts may hold anything but ``/`` and NUL; ``""`` is the root.
    """
    if path and any(part in {"", ".", ".."} or "\0" in part for part in path.split("/")):
        raise ValueError(f"not a path inside a storage: {path!r}")
    return path


def temporary_beside(path: str) -> str:
    """Return a fresh temporary name in the folder of a path.

    It does not repeat the name, which may already be as long as names can be.
    """
    folder, slash, _ = path.rpartition("/")
    return f"{folder}{slash}{TEMPORARY_PREFIX}{uuid.uuid4().hex}"


def is_temporary(path: str) -> bool:
    """Whether a path was made by `temporary_beside`."""
    return path.rpartition("/")[2].startswith(TEMPORARY_PREFIX)


class Storage(ABC):
    """A tree of files under one URL.

    Paths are relative to the URL, with ``/`` between their parts. Every failure of the storage
    is an OSError (FileNotFoundError and FileExistsError where they apply), so that callers can
    distinguish it from bad input. A storage is small and can be pickled.

    Attributes
    ----------
    url : str
        The root.
    has_folders : bool
        Whether a folder is made, in the one above it; else any path can be written at once.
    """

    url: str
    has_folders: ClassVar[bool] = True

    @abstractmethod
    def open(self, path: str) -> BinaryIO:
        """Open a file to read, as a seekable stream that is never loaded whole."""

    @abstractmethod
    def create(self, path: str) -> AbstractContextManager[BinaryIO]:
        """Create a file that appears under its name only when it is whole and durable.

        The stream takes bytes in order and does not seek. An exception inside the block leaves
        nothing behind. Folders on the way are made.

        Raises
        ------
        FileExistsError
            The name is taken; at the end of the block if another process took it meanwhile.
        """

    @abstractmethod
    def replace(self, path: str, data: bytes) -> None:
        """Write a small file that changes over time; readers see the old or the new, whole."""

    @abstractmethod
    def list(self, path: str = "", *, temporary: bool = False) -> Iterator[Entry]:
        """Yield what a folder holds, in no order; a missing folder holds nothing.

        Temporary files are left out unless asked for.
        """

    @abstractmethod
    def stat(self, path: str) -> Entry:
        """Return the entry of a path; FileNotFoundError if there is none."""

    @abstractmethod
    def delete(self, path: str, *, recursive: bool = False) -> None:
        """Delete a file, an empty folder, or a tree; what is missing already is no error."""

    def delete_file(self, path: str) -> None:
        """Delete a path that is a file or missing; what stands below it is not looked for."""
        self.delete(path)

    @abstractmethod
    def replace_if(self, path: str, seen: bytes | None, data: bytes | None) -> bool:
        """Replace a small file if it still holds what was last read of it (compare and swap).

        Of several processes that have seen the same content, at most one replaces it.

        Parameters
        ----------
        path : str
            The file.
        seen : bytes or None
            What it must hold now; None if it must not exist.
        data : bytes or None
            What it holds then; None to delete it. It differs from `seen`, and is this caller's
            alone: where the file holds it already, an earlier request wrote it, its answer lost.

        Returns
        -------
        bool
            False, and nothing changed, if it held something else.
        """

    @abstractmethod
    def parent(self) -> Storage | None:
        """Return the storage one folder up; None at the top."""

    def publish(self, path: str, data: bytes) -> bool:
        """Write a small file unless it exists; whole or not at all.

        Returns
        -------
        bool
            False when the name was taken, by whatever content.
        """
        try:
            with self.create(path) as stream:
                stream.write(data)
        except FileExistsError:
            return False
        return True

    def exists(self, path: str) -> bool:
        """Whether there is a file or a folder under a path."""
        try:
            self.stat(path)
        except FileNotFoundError:
            return False
        return True

    def read_bytes(self, path: str) -> bytes:
        """Return the content of a small file."""
        with self.open(path) as stream:
            return stream.read()

    def walk(self, path: str = "", *, temporary: bool = False) -> Iterator[Entry]:
        """Yield every file below a folder, in no order."""
        folders = [path]
        while folders:
            for entry in self.list(folders.pop(), temporary=temporary):
                if entry.is_dir:
                    folders.append(entry.path)
                else:
                    yield entry


class RenamingStorage(Storage):
    """A storage that compares and swaps by an exclusive rename, as file systems and HDFS have it.

    A process that replaces a content first renames its file to a temporary name that is made from
    the content alone, which of several only one can do. In between readers find no file, and
    another process may create one: then that one wins. A process that comes late with an old
    content finds its temporary name taken, and changes nothing; `gc` removes it after a day.
    """

    @abstractmethod
    def _rename(self, source: str, target: str) -> None:
        """Rename a file; FileExistsError if the target exists, FileNotFoundError without a source.

        It is tried once: what made it right need not hold any more after a wait.
        """

    def replace_if(self, path: str, seen: bytes | None, data: bytes | None) -> bool:
        """Rename what was seen out of the way, then publish what is to replace it."""
        if seen is not None and not self._take_away(path, seen, forget=data is None):
            return False
        # A publish whose answer was lost looks like one that was beaten: the content decides.
        return data is None or self.publish(path, data) or self._holds(path, data)

    def _take_away(self, path: str, seen: bytes, *, forget: bool) -> bool:
        """Rename a file that holds what was seen; False if it holds something else."""
        folder, slash, _ = path.rpartition("/")
        name = hashlib.sha256(seen).hexdigest()[:32]
        deadline, number = time.monotonic() + SWAP_SECONDS, 0
        while self._holds(path, seen):
            aside = f"{folder}{slash}{TEMPORARY_PREFIX}{name}-{number}"
            try:
                self._rename(path, aside)
            except FileNotFoundError:
                return False
            except FileExistsError:
                # Another process is between its two steps, or died there.
                if time.monotonic() >= deadline:
                    deadline, number = time.monotonic() + SWAP_SECONDS, number + 1
                time.sleep(SWAP_SECONDS / 100)
                continue
            if self._holds(aside, seen):
                if forget:
                    self.delete(aside)
                return True
            # It was replaced after it was looked at: that one gets its own back.
            with suppress(FileExistsError):
                self._rename(aside, path)
            return False
        return False

    def _holds(self, path: str, content: bytes) -> bool:
        try:
            return self.read_bytes(path) == content
        except FileNotFoundError:
            return False
