"""Hands each event of a run to every listener: a terminal, the log in the store, the metrics."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from hdfs_jobs.runs.events import ShardCommitted
from nsynth_batch.reporting.events import RunEvent
from sequencer.text import clock

Listener = Callable[[RunEvent], None]


class Reports:
    """Listeners that each get every event, in the order in which they are given.

    Events may come from several threads; a listener gets one at a time.

    Parameters
    ----------
    *listeners : callable
        Each takes an event.

    Examples
    --------
    >>> from nsynth_batch.reporting.events import LeaseTaken
    >>> seen = []
    >>> reports = Reports(seen.append, print)
    >>> reports(LeaseTaken("my-store"))
    LeaseTaken(store='my-store')
    >>> seen
    [LeaseTaken(store='my-store')]
    """

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = list(listeners)
        self._lock = threading.RLock()

    def add(self, listener: Listener) -> None:
        """Hand the events from now on to one more listener."""
        with self._lock:
            self._listeners.append(listener)

    def __call__(self, event: RunEvent) -> None:
        """Hand an event to each listener."""
        with self._lock:
            for listener in self._listeners:
                listener(event)


class Speed:
    """How fast a stage goes, and how much longer it takes at that.

    Parameters
    ----------
    pending : int
        Shards that it has to do.
    """

    def __init__(self, pending: int) -> None:
        self.pending = pending
        self.done = 0
        self.seconds = 0.0
        self._start = time.monotonic()

    def add(self, event: ShardCommitted) -> None:
        """Count a shard."""
        self.done = event.done
        self.seconds += event.summary.seconds

    @property
    def rate(self) -> float:
        """Seconds of audio a second since the stage began."""
        return self.seconds / self._elapsed

    @property
    def _elapsed(self) -> float:
        return max(time.monotonic() - self._start, 1e-9)

    def __str__(self) -> str:
        left = (self.pending - self.done) * self._elapsed / max(self.done, 1)
        return f"{self.seconds:.1f} s of audio, {self.rate:.2f} audio-s/s, {clock(left)} left"
