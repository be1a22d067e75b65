"""A few threads that work on jobs while the one who submits them goes on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


class ThreadPool(Generic[Job, Result]):
    """Daemon threads: they end with the process, whatever they wait for then.

    Parameters
    ----------
    work : callable
        Called with each job. What it raises is returned in place of a result.
    threads : int
        How many threads.

    Attributes
    ----------
    pending : int
        Jobs that were submitted and whose result was not asked for yet.
    """

    def __init__(self, work: Callable[[Job], Result], threads: int) -> None:
        self._work = work
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Job, Result | BaseException]] = queue.SimpleQueue()
        self.pending = 0
        for _ in range(threads):
            threading.Thread(target=self._serve, daemon=True).start()

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self.pending += 1
        self._jobs.put(job)

    def result(self, seconds: float) -> tuple[Job, Result | BaseException] | None:
        """Return a job that is done, and its result or what it raised.

        Parameters
        ----------
        seconds : float
            How long to wait for one; None is returned if there was none by then.
        """
        try:
            done = self._done.get(timeout=seconds)
        except queue.Empty:
            return None
        self.pending -= 1
        return done

    def cancel(self) -> None:
        """Drop the jobs that no thread has begun."""
        try:
            while True:
                self._jobs.get(block=False)
                self.pending -= 1
        except queue.Empty:
            return

    def _serve(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                self._done.put((job, self._work(job)))
            except BaseException as error:
                self._done.put((job, error))
