"""A time limit that ends the process: a decoder that hangs does not listen to anything milder."""

from __future__ import annotations

import faulthandler
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

TIMED_OUT = 70
"""Exit status of a worker process that ended itself."""

_lock = threading.Lock()
_backstops: dict[int, float] = {}


@contextmanager
def time_limit(
    seconds: float | None, on_expiry: Callable[[], None]
) -> Iterator[Callable[[], None]]:
    """Run a block that must end in time, or end this process.

    A thread calls `on_expiry` and exits the process when the time is up. If it cannot, because
    the block holds the interpreter lock, faulthandler ends the process a little later.

    Parameters
    ----------
    seconds : float or None
        The limit; None for none.
    on_expiry : callable
        Leaves a record for the next attempt.

    Yields
    ------
    callable
        Starts the time anew.
    """
    if seconds is None:
        yield _nothing
        return
    ended = threading.Event()
    ending = threading.Lock()
    deadline = 0.0

    def restart() -> None:
        nonlocal deadline
        deadline = time.monotonic() + seconds
        _set_backstop(id(ended), deadline + grace(seconds))

    def watch() -> None:
        while (left := deadline - time.monotonic()) > 0:
            if ended.wait(left):
                return
        # A block that ended, however late, must not be blamed; and one that is being blamed must
        # not go on to commit what the record then calls timed out.
        with ending:
            if ended.is_set():
                return
            try:
                on_expiry()
            finally:
                os._exit(TIMED_OUT)

    restart()
    threading.Thread(target=watch, name="time-limit", daemon=True).start()
    try:
        yield restart
    finally:
        with ending:
            ended.set()
        _set_backstop(id(ended), None)


def grace(seconds: float) -> float:
    """Return how much longer than the limit the last resort waits."""
    return min(10.0, max(1.0, seconds / 2))


def _set_backstop(block: int, deadline: float | None) -> None:
    """Keep the one timer of faulthandler at the earliest deadline of this process's blocks."""
    with _lock:
        if deadline is None:
            _backstops.pop(block, None)
        else:
            _backstops[block] = deadline
        if _backstops:
            left = max(0.001, min(_backstops.values()) - time.monotonic())
            faulthandler.dump_traceback_later(left, exit=True, file=_nowhere())
        else:
            faulthandler.cancel_dump_traceback_later()


@lru_cache(maxsize=1)
def _nowhere() -> int:
    """Return a descriptor for tracebacks that no terminal needs: the quarantine has the reason."""
    return os.open(os.devnull, os.O_WRONLY)


def _nothing() -> None:
    """Stand in for the clock where there is no limit."""
