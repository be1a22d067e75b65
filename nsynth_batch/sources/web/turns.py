"""One file of a host after the other, with a pause between, where pauses are asked for."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from nsynth_batch.models.draws import generator
from nsynth_batch.sources.web.throttle import pause

_POLL_SECONDS = 0.5


@dataclass
class _Host:
    turn: threading.Lock = field(default_factory=threading.Lock)
    ended: float = -math.inf


class Turns:
    """Lets one file of a host through at a time; used by a few threads at once.

    Parameters
    ----------
    seconds : float
        The mean pause between the end of a file and the beginning of the next of its host. Each
        is between half of it and one and a half times. 0 makes no pause, and no turns.
    seed : int
        Keys the pauses, together with the address that each stands before.
    stop : threading.Event
        Ends all waiting.
    """

    def __init__(self, seconds: float, seed: int, stop: threading.Event) -> None:
        self._seconds = seconds
        self._seed = seed
        self._stop = stop
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = {}

    def seconds_before(self, url: str, least: float = 0.0) -> float:
        """Return the pause before a file: the drawn one, or what its host asks for if longer."""
        if self._seconds == 0:
            return least
        return max(least, self._seconds * generator(self._seed, url).uniform(0.5, 1.5))

    @contextmanager
    def take(self, url: str, least: float = 0.0) -> Iterator[None]:
        """Wait for the turn of a file and hold it.

        Parameters
        ----------
        url : str
            Its address.
        least : float
            Seconds between files that its host asks for.

        Raises
        ------
        Stopped
            If it was asked to stop while it waited.
        """
        seconds = self.seconds_before(url, least)
        if seconds == 0:
            yield
            return
        with self._lock:
            host = self._hosts.setdefault(urlsplit(url).netloc.lower(), _Host())
        while not host.turn.acquire(timeout=_POLL_SECONDS):
            pause(0, self._stop)
        try:
            pause(host.ended + seconds - time.monotonic(), self._stop)
            yield
        finally:
            host.ended = time.monotonic()
            host.turn.release()
