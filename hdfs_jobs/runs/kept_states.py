"""States of an iteration on a cluster: what it goes on from, kept on two workers.

A state that is kept hangs on nothing, so that Dask forgets what is behind it. What was made of it
Dask makes again where a worker is lost; only where the worker that kept it is lost as well does
an iteration go back, to the other copy or to what was saved last.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hdfs_jobs.errors import InfrastructureError, in_one_line
from hdfs_jobs.runs import round_tasks
from hdfs_jobs.runs.events import RoundsRepeated
from hdfs_jobs.runs.workers import Workers

if TYPE_CHECKING:
    from distributed import Client, Future

    from hdfs_jobs.runs.events import Event

COPY_SECONDS = 30.0
"""How long the second copy of a state may take, before it goes on with one."""

ANSWER_SECONDS = 60.0
POLL_SECONDS = 0.2


class LostError(Exception):
    """Tasks, or what they were made of, are lost with their workers."""


@dataclass(frozen=True)
class Base:
    """A state to go on from, with what keeps it."""

    number: int
    future: Future[Any]
    held: Any = None
    address: str = ""


class KeptStates:
    """The states that an iteration can go on from.

    Parameters
    ----------
    client : distributed.Client
    pickled : bytes
        The iteration.
    workers : Workers
        Looked after while a result is waited for.
    name : str
        What is iterated, for events and errors.
    retries : int
        How often states may be lost while no more is reported.
    emit : callable
        Called with an event where states are lost.
    """

    def __init__(
        self,
        client: Client,
        pickled: bytes,
        workers: Workers,
        name: str,
        retries: int,
        emit: Callable[[Event], None],
    ) -> None:
        self._client, self._pickled, self._workers = client, pickled, workers
        self._name, self._retries, self._emit = name, retries, emit
        self._bases: list[Base] = []
        self._pending: tuple[int, str, Future[Any]] | None = None
        self._copies = 0
        self._losses, self._furthest = 0, -1

    def last(self) -> Base:
        """Return the last state that a worker has kept, or what was saved."""
        self.tend()
        self._take_second()
        # Where the connection broke all is cancelled, though the scheduler may be back.
        bases = [base for base in self._bases if not base.future.cancelled()]
        held = self._ask("who_has", keys=[base.future.key for base in bases]) if bases else {}
        self._bases = [base for base in bases if held.get(base.future.key)]
        if self._bases:
            return self._bases[0]
        loaded = self.submit(round_tasks.load, self._pickled)
        number = self.result(self.submit(round_tasks.number_of, loaded))
        # Dask would load again what is lost: by then another state may have been saved.
        return self.keep(number, loaded)

    def lost(self, error: LostError, done: int) -> None:
        """Take note that states are lost after so many were reported.

        Raises
        ------
        InfrastructureError
            It happens again and again, and nothing gets further.
        """
        self._losses = 0 if done > self._furthest else self._losses + 1
        self._furthest = done
        if self._losses > self._retries:
            raise InfrastructureError(
                f"{self._name}: workers are lost faster than rounds are done ({error}); what "
                "is saved stays, run the command again"
            ) from error
        self._emit(RoundsRepeated(self._name, done, in_one_line(str(error))))

    def keep(self, number: int, state: Future[Any], *, wait: bool = True) -> Base:
        """Have two workers keep a state, so that what it was made of can be forgotten.

        Parameters
        ----------
        number : int
            Of rounds or updates in it.
        state : future
        wait : bool
            Whether to wait until the second worker has it; else the copies before are kept so long.

        Returns
        -------
        Base
            The first copy.
        """
        self._take_second()
        first = self._copy(number, state)
        bases = [first]
        known = self._ask("identity", n_workers=-1)["workers"]
        others = [address for address in known if address != first.address]
        if others:
            place = others[self._copies % len(others)]
            self._copies += 1
            if wait:
                # A place that goes meanwhile is waited for in vain: one copy is enough to go on.
                with suppress(LostError, TimeoutError):
                    bases.append(self._copy(number, first.future, place))
            else:
                bases += self._bases[:2]
                self._pending = number, *self._held(number, first.future, place)
        self._bases = bases
        return first

    def _take_second(self) -> None:
        """Take up the second copy that was not waited for, if it is there by now."""
        from distributed import Future

        if self._pending is None:
            return
        number, key, held = self._pending
        if held.status == "finished":
            self._bases = [self._bases[0], Base(number, Future(key, self._client), held)]
        self._pending = None

    def submit(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Future[Any]:
        """Submit a task that is none of those before."""
        return self._client.submit(function, *arguments, pure=False, **options)

    def result(self, future: Future[Any], seconds: float | None = None) -> Any:
        """Wait for a result while workers are looked after.

        Raises
        ------
        LostError
            It cannot be had from the states that there are.
        TimeoutError
            It took longer than so many seconds.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        ended = threading.Event()
        future.add_done_callback(lambda _: ended.set())
        while True:
            if future.done():
                try:
                    # It may be lost on its way, with its worker, and be made again.
                    return future.result(timeout=ANSWER_SECONDS)
                except (CancelledError, round_tasks.AnotherStateError) as error:
                    raise LostError(str(error)) from error
                except Exception as error:
                    if type(error).__name__ in {"KilledWorker", "CommClosedError"}:
                        raise LostError(str(error)) from error
                    if future.status == "error" or not isinstance(error, TimeoutError):
                        raise
            ended.wait(POLL_SECONDS)
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError
            self.tend()

    def tend(self) -> None:
        """Look after the workers, and see that the scheduler is there.

        Raises
        ------
        UsageError
            A worker runs other code.
        InfrastructureError
            The scheduler went away, or for too long there was no worker.
        """
        if self._client.status in {"closing", "closed"}:
            raise InfrastructureError(
                f"{self._name}: the scheduler went away; what is saved stays, run the command "
                "again when it is back"
            )
        self._workers.refresh()

    def _ask(self, question: str, **arguments: object) -> Any:
        try:
            return self._workers.ask(question, **arguments)
        except (OSError, RuntimeError) as error:
            raise LostError(f"the scheduler does not answer ({error})") from error

    def _copy(self, number: int, state: Future[Any], place: str = "") -> Base:
        from distributed import Future

        key, held = self._held(number, state, place)
        address, _ = self.result(held, COPY_SECONDS if place else None)
        return Base(number, Future(key, self._client), held, address)

    def _held(self, number: int, state: Future[Any], place: str) -> tuple[str, Future[Any]]:
        """Begin to keep a state; return its key, and what keeps it."""
        key = f"state-{number}-{uuid.uuid4().hex}"
        options = {"workers": [place]} if place else {}
        return key, self.submit(round_tasks.keep, state, key, number, **options)
