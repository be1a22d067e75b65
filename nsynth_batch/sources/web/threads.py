"""A few threads that work on what they are given, while who gives it goes on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


class Crew(Generic[Job, Result]):
    """Threads that end with the process, whatever they wait for then.

    Parameters
    ----------
    work : callable
        Done to each job. What it raises is raised where the result is asked for.
    hands : int
        How many threads.
    """

    def __init__(self, work: Callable[[Job], Result], hands: int) -> None:
        self._work = work
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Job, Result | BaseException]] = queue.SimpleQueue()
        self.busy = 0
        for _ in range(hands):
            threading.Thread(target=self._serve, daemon=True).start()

    def give(self, job: Job) -> None:
        """Have a job done."""
        self.busy += 1
        self._jobs.put(job)

    def result(self, seconds: float) -> tuple[Job, Result | BaseException] | None:
        """Give a job that is done, and its result or what it raised.

        Parameters
        ----------
        seconds : float
            How long to wait for one; none is given if there was none by then.
        """
        try:
            done = self._done.get(timeout=seconds)
        except queue.Empty:
            return None
        self.busy -= 1
        return done

    def cancel(self) -> None:
        """Forget the jobs that nobody has begun."""
        try:
            while True:
                self._jobs.get(block=False)
                self.busy -= 1
        except queue.Empty:
            return

    def _serve(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                self._done.put((job, self._work(job)))
            except BaseException as error:
                self._done.put((job, error))
