"""States of an iteration on a cluster: what it goes on from, kept on two workers.

A state that is kept hangs on nothing, so that Dask forgets what is behind it. What was made of it
Dask makes again where a worker is lost; only where the worker that kept it is lost as well does
an iteration go back, to the other copy or to what was saved last.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hdfs_jobs.errors import InfrastructureError, in_one_line
from hdfs_jobs.runs import residents, round_tasks
from hdfs_jobs.runs.events import RoundsRepeated
from hdfs_jobs.runs.residents import Run
from hdfs_jobs.runs.workers import Workers

if TYPE_CHECKING:
    from distributed import Client, Future

    from hdfs_jobs.runs.events import Event

COPY_SECONDS = 30.0
"""How long the second copy of a state may take, before it goes on with one."""

COPIES = 2
ANSWER_SECONDS = 60.0
RESULT_SECONDS = 2.0
"""How long a result that is there may take to come, before its worker is looked after again."""

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
        self._workers.look_again()

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
        if wait:
            self._bases = [first, *self._second(first)]
        else:
            place = self._other(first)
            self._bases = [first, *(self._bases[:COPIES] if place else [])]
            if place:
                self._pending = number, *self._held(number, first.future, place)
        return first

    def _other(self, first: Base) -> str:
        """Return another worker than the one that keeps a state; empty where there is none."""
        known = self._ask("identity", n_workers=-1)["workers"]
        others = [address for address in known if address != first.address]
        self._copies += 1
        return others[self._copies % len(others)] if others else ""

    def _second(self, first: Base) -> list[Base]:
        """Have another worker keep a state, if there is one."""
        if place := self._other(first):
            # A place that goes meanwhile is waited for in vain: one copy is enough to go on.
            with suppress(LostError, TimeoutError):
                return [self._copy(first.number, first.future, place)]
        return []

    def settle(
        self, run: Run, number: int, sums: Sequence[Future[Any]], places: Sequence[str]
    ) -> Base:
        """Have workers make a state of the last sums, and two of them keep it.

        Parameters
        ----------
        run : Run
        number : int
            Of rounds in it.
        sums : sequence of futures
        places : sequence of str
            Addresses of workers that have the state before, all of which make it.

        Returns
        -------
        Base
            The first copy.
        """
        asked = []
        for k, place in enumerate(places):
            key = _key(number) if k < COPIES else ""
            held = self.submit(residents.settle, run, number, key, *sums, workers=[place])
            asked.append((key, held))
        bases = []
        for key, held in asked:
            if key:
                address, _ = self.result(held, places=places)
                bases.append(self._base(number, key, held, address))
                continue
            # What it returns is not needed: of many workers it would come one after the other.
            self._await(held, None, places)
            if held.status != "finished":
                self.result(held, places=places)
        if len(bases) < COPIES:
            bases += self._second(bases[0])
        self._bases = bases
        return bases[0]

    def _take_second(self) -> None:
        """Take up the second copy that was not waited for, if it is there by now."""
        if self._pending is None:
            return
        number, key, held = self._pending
        if held.status == "finished":
            self._bases = [self._bases[0], self._base(number, key, held)]
        self._pending = None

    def submit(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Future[Any]:
        """Submit a task that is none of those before."""
        return self._client.submit(function, *arguments, pure=False, **options)

    def result(
        self, future: Future[Any], seconds: float | None = None, places: Sequence[str] = ()
    ) -> Any:
        """Wait for a result while workers are looked after.

        Parameters
        ----------
        future : future
        seconds : float or None
            How long at most; None without an end.
        places : sequence of str
            Addresses of workers that must all be there for it.

        Raises
        ------
        LostError
            It cannot be had from the states that there are.
        TimeoutError
            It took longer than so many seconds.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            self._await(future, deadline, places)
            try:
                # It may be lost on its way, with its worker, and be made again.
                return future.result(timeout=RESULT_SECONDS)
            except Exception as error:
                lost = isinstance(error, (CancelledError, round_tasks.AnotherStateError))
                if lost or type(error).__name__ in {"KilledWorker", "CommClosedError"}:
                    # Dask keeps it, and by its frames it would keep the future too.
                    error.__traceback__ = None
                    raise LostError(str(error)) from None
                if future.status == "error" or not isinstance(error, TimeoutError):
                    raise

    def _await(self, future: Future[Any], deadline: float | None, places: Sequence[str]) -> None:
        """Wait until a future is done, while workers are looked after; see `result`."""
        ended = threading.Event()
        future.add_done_callback(lambda _: ended.set())
        while not future.done():
            if ended.wait(POLL_SECONDS):
                # It may have been lost since: then it is polled.
                ended.clear()
            if deadline is not None and time.monotonic() > deadline:
                future.cancel()
                raise TimeoutError
            self.tend()
            if gone := sorted(set(places).difference(self._workers.addresses)):
                # Dask would wait for it for ever.
                future.cancel()
                raise LostError(f"worker {gone[0]} is gone, or paused")

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
        key, held = self._held(number, state, place)
        address, _ = self.result(held, COPY_SECONDS, [place]) if place else self.result(held)
        return self._base(number, key, held, address)

    def _base(self, number: int, key: str, held: Future[Any], address: str = "") -> Base:
        from distributed import Future

        return Base(number, Future(key, self._client), held, address)

    def _held(self, number: int, state: Future[Any], place: str) -> tuple[str, Future[Any]]:
        """Begin to keep a state; return its key, and what keeps it."""
        key = _key(number)
        options = {"workers": [place]} if place else {}
        return key, self.submit(round_tasks.keep, state, key, number, **options)


def _key(number: int) -> str:
    return f"state-{number}-{uuid.uuid4().hex}"
