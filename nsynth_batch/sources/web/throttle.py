"""Limits on what is asked of servers: how much at once, how fast, and not before when."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from hdfs_jobs.errors import UsageError
from nsynth_batch.settings.harvest import WIKIMEDIA_MEGABITS

WINDOW_SECONDS = 10.0
"""Over which a rate is kept, whatever moment it begins at."""

_POLL_SECONDS = 0.5
_WIKIMEDIA = re.compile(
    r"(.*\.)?(wiki(media|pedia|data|books|news|quote|source|versity|voyage)|wiktionary|mediawiki"
    r"|wikimediafoundation)\.org(:\d+)?",
    re.IGNORECASE,
)


class Stopped(Exception):
    """It was asked to stop meanwhile."""


def pause(seconds: float, stop: threading.Event) -> None:
    """Wait.

    Raises
    ------
    Stopped
        If it was asked to stop before the time was over.
    """
    if stop.wait(max(0.0, seconds)):
        raise Stopped


class Bucket:
    """A token bucket: bytes are paid for when they have come, whichever stream they came by.

    In any stretch of `WINDOW_SECONDS` no more is let through than the rate times its length.

    Parameters
    ----------
    bytes_a_second : float
        The rate.
    burst : int
        Bytes that pass at once after a silence.
    unseen : int
        Bytes that servers may have sent before they are paid for: what sockets hold.
    """

    def __init__(self, bytes_a_second: float, burst: int, unseen: int = 0) -> None:
        window = bytes_a_second * WINDOW_SECONDS
        burst = min(burst, int(window / 4))
        # What passes at once comes on top of what the rate lets through, so the rate is less.
        self._rate = (window - burst - min(unseen, window / 4)) / WINDOW_SECONDS
        self._burst = float(burst)
        self._level = self._burst
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def take(self, count: int) -> float:
        """Pay for bytes; give the seconds to wait before more may come."""
        with self._lock:
            now = time.monotonic()
            self._level = min(self._burst, self._level + (now - self._at) * self._rate)
            self._at = now
            self._level -= count
            return max(0.0, -self._level / self._rate)


class RequestLimiter:
    """Admits a limited number of requests at once, and none while a server asked for a pause.

    Parameters
    ----------
    at_once : int
        How many may be inside.
    stop : threading.Event
        Ends all waiting.
    """

    def __init__(self, at_once: int, stop: threading.Event) -> None:
        self._places = threading.Semaphore(at_once)
        self._stop = stop
        self._not_before = 0.0

    def close_for(self, seconds: float) -> None:
        """Admit no request for a while."""
        self._not_before = max(self._not_before, time.monotonic() + seconds)

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Wait for a place and hold it.

        Raises
        ------
        Stopped
            If it was asked to stop while it waited.
        """
        while not self._places.acquire(timeout=_POLL_SECONDS):
            pause(0, self._stop)
        try:
            while (wait := self._not_before - time.monotonic()) > 0:
                pause(wait, self._stop)
            pause(0, self._stop)
            yield
        finally:
            self._places.release()


def retry_after(value: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, section 10.2.3).

    Parameters
    ----------
    value : str or None
        Seconds or an HTTP date; None, or anything else, gives None.
    """
    text = (value or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def require_allowed(megabits: float, hosts: Collection[str]) -> None:
    """Refuse to fetch faster than the hosts allow.

    Raises
    ------
    UsageError
        If it is more than `WIKIMEDIA_MEGABITS` and one of them is Wikimedia's.
    """
    strict = next((host for host in sorted(hosts) if _WIKIMEDIA.fullmatch(host)), None)
    if megabits > WIKIMEDIA_MEGABITS and strict is not None:
        raise UsageError(
            f"harvest_megabits is {megabits:g}: Wikimedia allows {WIKIMEDIA_MEGABITS:g}, and "
            f"{strict} is one of its hosts"
        )
