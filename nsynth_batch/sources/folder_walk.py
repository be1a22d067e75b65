"""What lies below a folder: plain files, and what is left out of them and why.

One entry harms only itself: a pipe is never opened, a link that leads round is not followed, and
what may not be read is named.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from hdfs_jobs.datasets.store import MARKER
from hdfs_jobs.errors import BadInput
from hdfs_jobs.storage.base import Entry, Storage, is_temporary
from hdfs_jobs.storage.local import READ_BUFFER, LocalStorage

STORE = "a store is left alone with all that is in it"
DEAD_LINK = "a link leads nowhere"
LOOP = "a link leads round"
NO_PLAIN_FILE = "no plain file but a pipe, socket or device"
UNREADABLE = "this user may not read it"
BROKEN = "it cannot be read"
VANISHED = "it vanished while the folder was read"

_GONE = (FileNotFoundError, NotADirectoryError)


@dataclass
class Walk:
    """What a walk found.

    Attributes
    ----------
    files : list of Entry
        Plain files, by path from the folder.
    hidden : int
        Files and folders that people do not see; no such folder was looked into.
    skipped : dict of str to list of str
        Paths that were left out, by the reason.
    folders : list of str
        Those below it, whether they could be looked into or not.
    """

    files: list[Entry] = field(default_factory=list)
    hidden: int = 0
    skipped: dict[str, list[str]] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)

    def skip(self, path: str, reason: str) -> None:
        """Leave a path out."""
        self.skipped.setdefault(reason, []).append(path)

    def knows(self, path: str) -> bool:
        """Whether the walk would have found a plain file if there were one at a path."""
        left_out = (skipped for paths in self.skipped.values() for skipped in paths)
        return not any(f"{path}/".startswith(f"{skipped}/") for skipped in left_out)


def walk(
    storage: Storage, marks: tuple[str, ...], stop: Callable[[], bool] = lambda: False
) -> Walk:
    """Look at all that is below a folder.

    Parameters
    ----------
    storage : Storage
        The folder is its root.
    marks : tuple of str
        What names of hidden files begin with.
    stop : callable
        Whether to end early; what was found so far is returned.

    Returns
    -------
    Walk

    Raises
    ------
    OSError
        If the folder itself cannot be read.
    """
    found = Walk()
    look = _LocalWalk(storage.url) if isinstance(storage, LocalStorage) else _RemoteWalk(storage)
    folders = [""]
    while folders and not stop():
        folder = folders.pop()
        try:
            entries = list(look.entries(folder, found))
        except OSError as error:
            if not folder:
                raise
            if not isinstance(error, (PermissionError, *_GONE)) and not look.one_entry_fails:
                raise
            found.skip(folder, _reason(error))
            continue
        if any(entry.name == MARKER and not entry.is_dir for entry in entries):
            found.skip(folder, STORE)
            continue
        for entry in entries:
            if entry.name.startswith(marks):
                found.hidden += 1
            elif entry.is_dir:
                folders.append(entry.path)
                found.folders.append(entry.path)
            else:
                found.files.append(entry)
    return found


def open_plain(path: Path) -> BinaryIO:
    """Open a plain file of this machine; a pipe in its place is not waited for.

    Raises
    ------
    BadInput
        With the reason ``no-plain-file``.
    OSError
        If it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadInput("no-plain-file", f"{path} is {NO_PLAIN_FILE}")
    return os.fdopen(descriptor, "rb", buffering=READ_BUFFER)


class _RemoteWalk:
    """Folders of a storage that holds nothing but files and folders."""

    one_entry_fails = False

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def entries(self, folder: str, found: Walk) -> Iterator[Entry]:
        return self._storage.list(folder)


class _LocalWalk:
    """Folders of this machine, with links, pipes and whatever else may lie there."""

    one_entry_fails = True
    """Whether an error of any kind is an entry's own: no network stands between."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)
        self._followed: set[tuple[int, int]] = set()

    def entries(self, folder: str, found: Walk) -> Iterator[Entry]:
        prefix = f"{folder}/" if folder else ""
        with os.scandir(self._root / folder) as items:
            # Links come last, so that a folder is known by its own name first.
            for item in sorted(items, key=lambda item: (item.is_symlink(), item.name)):
                path = prefix + item.name
                try:
                    facts = item.stat()
                except OSError as error:
                    if not is_temporary(item.name):
                        found.skip(path, _link_reason(item, error))
                    continue
                if is_temporary(item.name):
                    continue
                if stat.S_ISDIR(facts.st_mode):
                    if item.is_symlink() and not self._leads_on(item, folder):
                        found.skip(path, LOOP)
                    else:
                        yield Entry(path, 0, True, facts.st_mtime)
                elif stat.S_ISREG(facts.st_mode):
                    yield Entry(path, facts.st_size, False, facts.st_mtime)
                else:
                    found.skip(path, NO_PLAIN_FILE)

    def _leads_on(self, link: os.DirEntry[str], folder: str) -> bool:
        """Whether a link to a folder leads neither round nor where it led before."""
        own = link.stat(follow_symlinks=False)
        key = (own.st_dev, own.st_ino)
        target = Path(link.path).resolve()
        here = (self._root / folder).resolve()
        if key in self._followed or target == here or target in here.parents:
            return False
        self._followed.add(key)
        return True


def _link_reason(item: os.DirEntry[str], error: OSError) -> str:
    if isinstance(error, _GONE):
        return DEAD_LINK if item.is_symlink() else VANISHED
    return LOOP if item.is_symlink() and not isinstance(error, PermissionError) else _reason(error)


def _reason(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return UNREADABLE
    return VANISHED if isinstance(error, _GONE) else BROKEN
