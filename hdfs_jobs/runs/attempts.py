"""What attempts at a shard leave for the next one, should their process die.

An attempt leaves a mark when it begins and takes it away when it ends, well or with an exception.
A mark that is found was left by a process that died: the next attempt is then exclusive, which is
to mark each item as well. An item whose marks were left twice has most likely killed two
processes, and is quarantined rather than given a third. A mark holds how large the shard's
partial results were when the item began, and those of a time when they were smaller do not count:
an item that got further since is long rather than deadly. An item that ran out of time needs one
mark only, for the watchdog that ended the process knew why. That mark holds the limit, and does
not count where an item is given more time.

An exclusive attempt is the only one of its process: no item is blamed for what runs beside it.
"""

from __future__ import annotations

import hashlib
import math
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from hdfs_jobs.storage.base import Storage, is_temporary

DEATHS_BLAMED = 2


class _OtherAttempts:
    """Lets the attempts of a process run beside each other, and an exclusive one alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._exclusive = 0

    @contextmanager
    def turn(self, *, exclusive: bool) -> Iterator[None]:
        """Wait until an attempt may run, and have others wait while it does."""
        with self._changed:
            self._exclusive += exclusive
            self._changed.wait_for(lambda: not (self._running if exclusive else self._exclusive))
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._exclusive -= exclusive
                self._changed.notify_all()


_OTHER_ATTEMPTS = _OtherAttempts()


class Attempt:
    """One attempt at one shard.

    Parameters
    ----------
    storage : Storage
        The store's.
    folder : str
        The shard's folder for partial results.
    limit : float or None
        Seconds that an item has.

    Attributes
    ----------
    is_first : bool
        Whether no attempt before left anything, partial results included.
    """

    def __init__(self, storage: Storage, folder: str, limit: float | None = None) -> None:
        self.id = uuid.uuid4().hex
        self._storage = storage
        self._partials = folder
        self._folder = marks_folder(folder)
        found = [entry.path.rpartition("/") for entry in storage.walk(folder)]
        self.is_first = not found
        left = [name.split("-") for place, _, name in found if place == self._folder]
        self._exclusive = bool(left)
        # Rounded, because it becomes part of a file name.
        self._limit = max(0.001, round(limit, 3)) if limit else math.inf
        # A mark of an earlier release has no limit.
        passed = sorted((m[1], float(m[2])) for m in left if m[0] == "timeout" and m[2:])
        self._timed_out = {key: seconds for key, seconds in passed if seconds >= self._limit}
        self._deaths = Counter((mark[1], int(mark[2])) for mark in left if mark[0] == "item")

    @contextmanager
    def begun(self) -> Iterator[None]:
        """Mark the attempt while the block runs, once it is its turn in this process."""
        with _OTHER_ATTEMPTS.turn(exclusive=self._exclusive), self._mark(f"begin-{self.id}"):
            yield

    @contextmanager
    def item(self, key: str) -> Iterator[None]:
        """Mark an item while the block runs, if a process died at this shard before."""
        if not self._exclusive:
            yield
            return
        with self._mark(f"item-{_short(key)}-{self._kept()}-{self.id}"):
            yield

    def timed_out(self, key: str) -> float | None:
        """Return in how many seconds an item did not end; None if it has more of them now."""
        return self._timed_out.get(_short(key))

    def killed(self, key: str) -> bool:
        """Whether earlier attempts died at an item too often for a coincidence."""
        deaths = {kept: n for (item, kept), n in self._deaths.items() if item == _short(key)}
        if sum(deaths.values()) < DEATHS_BLAMED:
            return False
        now = self._kept()
        return sum(n for kept, n in deaths.items() if kept >= now) >= DEATHS_BLAMED

    def leave_timeout(self, key: str) -> None:
        """Leave the mark of an item that ran out of time."""
        self._storage.publish(f"{self._folder}/timeout-{_short(key)}-{self._limit}", b"")

    def _kept(self) -> int:
        """Return the bytes of the shard's partial results; marks are empty."""
        return sum(entry.size for entry in self._storage.walk(self._partials))

    @contextmanager
    def _mark(self, name: str) -> Iterator[None]:
        path = f"{self._folder}/{name}"
        self._storage.publish(path, b"")
        try:
            yield
        finally:
            self._storage.delete_file(path)


def marks_folder(folder: str) -> str:
    """Return where the marks are, below the shard's folder for partial results."""
    return f"{folder}/.attempts"


def is_mark_of_attempt(path: str) -> bool:
    """Whether a file marks an attempt that has begun, and has not ended unless its process died.

    A mark that is being written counts as one.
    """
    folder, _, name = path.rpartition("/")
    return folder.endswith("/.attempts") and (name.startswith("begin-") or is_temporary(name))


def count_blamed(storage: Storage, folder: str) -> int:
    """Return how many marks name an item: an attempt that adds one has brought the run on."""
    marks = storage.list(marks_folder(folder))
    return sum(not entry.name.startswith("begin-") for entry in marks)


def _short(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]
