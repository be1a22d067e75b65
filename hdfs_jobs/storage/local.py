"""Storage in a folder of this machine."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR
from typing import BinaryIO

from hdfs_jobs.storage.base import (
    Entry,
    RenamingStorage,
    check_path,
    is_temporary,
    temporary_beside,
)
from hdfs_jobs.storage.durable import move_exclusively, sync_file, sync_folder

READ_BUFFER = 1 << 18

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Of a write that finds no room; Python names no file then."""


class LocalStorage(RenamingStorage):
    """A folder of this machine.

    Files are published by a hard link or an exclusive rename: unlike a plain rename, neither
    ever replaces what is there.

    Parameters
    ----------
    root : str
        The folder; it need not exist until something is written.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> storage = LocalStorage(folder.name)
    >>> storage.publish("notes/first.txt", b"one"), storage.publish("notes/first.txt", b"two")
    (True, False)
    >>> storage.replace_if("notes/first.txt", seen=b"one", data=b"three")
    True
    >>> storage.read_bytes("notes/first.txt")
    b'three'
    >>> [(entry.name, entry.size) for entry in storage.list("notes")]
    [('first.txt', 5)]
    >>> folder.cleanup()
    """

    def __init__(self, root: str) -> None:
        self._root = Path(root).expanduser().absolute()
        self.url = str(self._root)

    def __repr__(self) -> str:
        """Name the folder."""
        return f"LocalStorage({self.url!r})"

    def _at(self, path: str) -> Path:
        return self._root / check_path(path)

    def open(self, path: str) -> BinaryIO:
        """Open a file to read."""
        return self._at(path).open("rb", buffering=READ_BUFFER)

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        """Create a file under a temporary name and give it its own when it is whole.

        Raises
        ------
        FileExistsError
            The name is taken.
        UnsuitableError
            The file system has neither hard links nor exclusive renames.
        """
        if self.exists(path):
            raise FileExistsError(f"{self._at(path)} exists")
        with self._temporary(path) as (temporary, stream):
            yield stream
            sync_file(stream, self._at(path))
            move_exclusively(temporary, self._at(path))
        sync_folder(self._at(path).parent)

    def replace(self, path: str, data: bytes) -> None:
        """Write a small file and rename it over the old one."""
        with self._temporary(path) as (temporary, stream):
            stream.write(data)
            sync_file(stream, self._at(path))
            temporary.replace(self._at(path))
        sync_folder(self._at(path).parent)

    @contextmanager
    def _temporary(self, path: str) -> Iterator[tuple[Path, BinaryIO]]:
        """Open a temporary file beside a path; its name is free again after the block.

        An error about the temporary file is about the path that it stands for.
        """
        self._at(path).parent.mkdir(parents=True, exist_ok=True)
        temporary = self._at(temporary_beside(path))
        try:
            with temporary.open("xb") as stream:
                yield temporary, stream
        except OSError as error:
            unnamed = error.filename is None and error.errno in _FULL
            if unnamed or error.filename == str(temporary):
                error.filename, error.filename2 = str(self._at(path)), None
            raise
        finally:
            temporary.unlink(missing_ok=True)

    def list(self, path: str = "", *, temporary: bool = False) -> Iterator[Entry]:
        """Yield what a folder holds."""
        prefix = f"{check_path(path)}/" if path else ""
        try:
            found = os.scandir(self._at(path))
        except FileNotFoundError:
            return
        with found:
            for item in found:
                if is_temporary(item.name) and not temporary:
                    continue
                # A file that vanished since the folder was read was never there for this reader.
                with suppress(FileNotFoundError):
                    yield _entry(prefix + item.name, item.stat())

    def stat(self, path: str) -> Entry:
        """Return the entry of a path."""
        return _entry(path, self._at(path).stat())

    def delete(self, path: str, *, recursive: bool = False) -> None:
        """Delete a file or a folder."""
        if not path:
            raise ValueError("the root of a storage cannot be deleted")
        target = self._at(path)
        with suppress(FileNotFoundError):
            if not target.is_dir() or target.is_symlink():
                target.unlink()
            elif recursive:
                shutil.rmtree(target)
            else:
                target.rmdir()

    def parent(self) -> LocalStorage | None:
        """Return the folder above; None at the root of the file system."""
        above = self._root.parent
        return None if above == self._root else LocalStorage(str(above))

    def _rename(self, source: str, target: str) -> None:
        move_exclusively(self._at(source), self._at(target), one_step=True)
        sync_folder(self._at(target).parent)


def _entry(path: str, found: os.stat_result) -> Entry:
    is_dir = S_ISDIR(found.st_mode)
    return Entry(path, 0 if is_dir else found.st_size, is_dir, found.st_mtime)
