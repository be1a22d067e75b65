"""Who may write to a store: one run at a time, and another as soon as that one is dead.

The holder's file is created without overwriting; beside it the holder rewrites a heartbeat that
carries its id. An observer trusts its own monotonic clock alone: a heartbeat that stayed the same
for long enough, while the observer itself could write, is that of a dead run. The observer then
compares and swaps the holder's file for its own, which of several only one can do. A holder that
wakes up finds another's file, or none, and stops. Clocks are never compared: those of two machines
may be hours apart.
"""

from __future__ import annotations

import getpass
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, fields

from hdfs_jobs.canonical_json import canonical_json
from hdfs_jobs.datasets.manifest import parse_object
from hdfs_jobs.errors import InfrastructureError, UsageError
from hdfs_jobs.storage.base import Storage

FOLDER = "runs/lease"
HOLDER = f"{FOLDER}/holder.json"
SECONDS = 30.0
BEATS = 6
"""Heartbeats in the time after which a run without one is taken for dead."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a store.

    Attributes
    ----------
    id : str
        Of this run alone.
    command, user, host : str
        What runs, for whom and where.
    pid : int
        The process, on that host.
    started : str
        When, in UTC as that host knows it: for people, and never compared.
    seconds : float
        After how long without a heartbeat it is to be taken for dead.
    """

    id: str
    command: str
    user: str
    host: str
    pid: int
    started: str
    seconds: float

    @classmethod
    def here(cls, command: str, seconds: float) -> Holder:
        """Describe this process."""
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        host = socket.gethostname()
        return cls(uuid.uuid4().hex, command, _user(), host, os.getpid(), started, seconds)

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Holder:
        """Read `to_bytes` back.

        Parameters
        ----------
        data : bytes
            The content of the holder's file.
        where : str
            The file, for the error.

        Raises
        ------
        UsageError
            It is not the file of a holder.
        """
        content = parse_object(data, where)
        kinds = {field.name: type(content.get(field.name)).__name__ for field in fields(cls)}
        if content.keys() != kinds.keys() or any(kinds[f.name] != f.type for f in fields(cls)):
            raise UsageError(f"{where}: no lease of this version; delete it if no run is at work")
        return cls(**content)

    def to_bytes(self) -> bytes:
        """Return the content of the holder's file; no other run's is the same."""
        return canonical_json(asdict(self))

    def __str__(self) -> str:
        """Describe the run in one line."""
        return (
            f"{self.command} of {self.user} on {self.host} (process {self.pid}) since "
            f"{self.started}"
        )


@dataclass(frozen=True, slots=True)
class Held:
    """Who holds a store now, and when that run last gave a sign of life.

    Attributes
    ----------
    holder : Holder
        Alive, or killed and not replaced yet.
    beat : float or None
        Of the last heartbeat, seconds since 1970 by the clock of the storage; None before the
        first one.
    """

    holder: Holder
    beat: float | None


def current_holder(storage: Storage) -> Held | None:
    """Return who holds a store, without waiting or writing; None if no run does.

    Raises
    ------
    UsageError
        The holder's file is damaged.
    """
    held = _read(storage, HOLDER)
    if held is None:
        return None
    holder = Holder.from_bytes(held, f"{storage.url}/{HOLDER}")
    try:
        return Held(holder, storage.stat(_beat_path(holder.id)).modified)
    except FileNotFoundError:
        return Held(holder, None)


class Lease:
    """A store held by this process; see `acquire`.

    Attributes
    ----------
    holder : Holder
        This process, as others see it.
    """

    def __init__(self, storage: Storage, holder: Holder) -> None:
        self.holder = holder
        self._storage = storage
        self._interval = holder.seconds / BEATS
        self._looked = time.monotonic()
        self._lost = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_beating, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Make sure that the lease is still held, before something is written.

        The store is asked only if it was not for a heartbeat's time, as after a sleep.

        Raises
        ------
        InfrastructureError
            Another run took this one for dead.
        """
        if time.monotonic() - self._looked > self._interval:
            self._look()
        if self._lost:
            raise InfrastructureError(self._lost)

    def release(self) -> None:
        """Free the store for the next run, unless another run has taken it already."""
        self._ended.set()
        self._thread.join()
        with suppress(OSError):
            self._look()
            if not self._lost:
                self._storage.replace_if(HOLDER, self.holder.to_bytes(), None)
            self._storage.delete(_beat_path(self.holder.id))

    def _keep_beating(self) -> None:
        beat = 0
        while not self._lost:
            beat += 1
            # A storage that is away comes back, or ends the run elsewhere.
            with suppress(OSError):
                self._storage.replace(_beat_path(self.holder.id), str(beat).encode())
            self._look()
            if self._ended.wait(self._interval):
                return

    def _look(self) -> None:
        """Find out which run holds the store; a storage that does not answer leaves that open."""
        now = time.monotonic()
        try:
            held = _read(self._storage, HOLDER)
        except OSError:
            return
        self._looked = now
        if held != self.holder.to_bytes():
            where = f"{self._storage.url}/{HOLDER}"
            other = "another run may have gone on"
            with suppress(UsageError):
                other = f"{Holder.from_bytes(held, where)} went on" if held else other
            self._lost = (
                f"{self._storage.url}: this run gave no sign of life for {self.holder.seconds:g} "
                f"seconds and {other} in its place; what is committed stays, run the command again "
                "when that has ended"
            )


def acquire(
    storage: Storage,
    command: str,
    *,
    seconds: float = SECONDS,
    stop: threading.Event | None = None,
    on_wait: Callable[[Holder], None] | None = None,
) -> Lease | None:
    """Take the lease of a store, from a dead run too.

    Parameters
    ----------
    storage : Storage
        The store's.
    command : str
        What runs, as others are to call it.
    seconds : float
        After how long without a heartbeat others are to take this run for dead.
    stop : threading.Event or None
        Once set, it is waited for no longer.
    on_wait : callable or None
        Called once with the holder that is waited for.

    Returns
    -------
    Lease or None
        None if `stop` was set meanwhile.

    Raises
    ------
    InfrastructureError
        Another run holds it, and lives.
    UsageError
        The holder's file is damaged.
    """
    me = Holder.here(command, seconds)
    lease = None
    try:
        if _win(storage, me, stop or threading.Event(), on_wait):
            lease = Lease(storage, me)
        return lease
    finally:
        if lease is None:
            with suppress(OSError):
                storage.delete(_beat_path(me.id))


def _win(
    storage: Storage,
    me: Holder,
    stop: threading.Event,
    on_wait: Callable[[Holder], None] | None,
) -> bool:
    """Create the holder's file as soon as no living run has one; False if `stop` was set first."""
    watched: tuple[bytes, bytes | None] | None = None
    since = looked = 0.0
    while (held := _read(storage, HOLDER)) is not None or not storage.replace_if(
        HOLDER, None, me.to_bytes()
    ):
        # What takes no writes from here takes no heartbeats either: safe mode, for one.
        storage.replace(_beat_path(me.id), b"")
        if held is None:
            continue
        other = Holder.from_bytes(held, f"{storage.url}/{HOLDER}")
        seen = held, _read(storage, _beat_path(other.id))
        now = time.monotonic()
        if watched is None:
            watched, since = seen, now
            if on_wait is not None:
                on_wait(other)
        elif seen == (watched[0], None) != watched:
            # Its run ended, or another observer replaced it, between the two reads: look again.
            watched = seen
        elif seen != watched:
            raise InfrastructureError(
                f"{storage.url} is held by {other}: one run may write to a store at a time, run "
                "the command again when that one has ended"
            )
        elif now - looked > other.seconds / 2:
            # What held this run up for so long may have held up the other's heartbeat.
            since = now
        elif now - since >= other.seconds and storage.replace_if(HOLDER, held, me.to_bytes()):
            storage.delete(_beat_path(other.id))
            return True
        looked = now
        if stop.wait(other.seconds / BEATS / 2):
            return False
    return True


def _beat_path(holder: str) -> str:
    return f"{FOLDER}/{holder}.beat"


def _read(storage: Storage, path: str) -> bytes | None:
    try:
        return storage.read_bytes(path)
    except FileNotFoundError:
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # Containers run as users that have no name.
        return f"user {os.getuid()}"
