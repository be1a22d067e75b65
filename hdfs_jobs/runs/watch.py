"""What workers and the scheduler announce: tasks that have begun, workers that are lost.

Dask brings announcements to the client as they happen. Polling would see a lost worker late, and
cannot distinguish a task that has begun from one that waits in a worker's own queue.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client

_ALL = "all"
"""The topic under which the scheduler announces that it lost a worker."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A worker began a task."""

    key: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The scheduler lost a worker, and the tasks that it had; or it left as it was asked to."""

    worker: str
    keys: frozenset[str]
    expected: bool


class Watch:
    """The announcements of one run, from the beginning of the block to its end.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    topic : str
        Under which tasks announce that they begin: see `announce`.
    """

    def __init__(self, client: Client, topic: str) -> None:
        self._client = client
        self._topic = topic
        self._announced: queue.SimpleQueue[Begun | Lost] = queue.SimpleQueue()

    def __enter__(self) -> Watch:
        """Begin to listen."""
        self._client.subscribe_topic(self._topic, self._put_begun)
        self._client.subscribe_topic(_ALL, self._put_lost)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Listen no more; a scheduler that is away announces nothing anyway."""
        for topic in (self._topic, _ALL):
            with suppress(OSError, ValueError, RuntimeError):
                self._client.unsubscribe_topic(topic)

    def take(self) -> Iterator[Begun | Lost]:
        """Yield what was announced since the last call."""
        while True:
            try:
                yield self._announced.get_nowait()
            except queue.Empty:
                return

    def _put_begun(self, event: tuple[float, Any]) -> None:
        self._announced.put(Begun(str(event[1])))

    def _put_lost(self, event: tuple[float, Any]) -> None:
        _, found = event
        if isinstance(found, dict) and found.get("action") == "remove-worker":
            keys = frozenset(map(str, found.get("processing-tasks", ())))
            self._announced.put(Lost(str(found["worker"]), keys, bool(found.get("expected"))))


def announce(topic: str, key: str) -> None:
    """Announce from inside a task that it has begun."""
    from distributed import get_worker

    get_worker().log_event(topic, key)
