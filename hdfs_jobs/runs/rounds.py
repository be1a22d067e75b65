"""Iterations on Dask: parts are mapped over workers, added in a fixed tree, applied to a state.

Every round is a few Dask tasks: the parts of it, sums of them, the next state. States and sums go
from worker to worker and never through the driver or the scheduler; the driver submits rounds ahead
and gets a small report of each. Now and then two workers keep a copy of the state that hangs on
nothing, so that Dask forgets what is behind it: a worker that is lost costs what was made since, or
since the last save where both copies are lost, and changes no bit of the result.
"""

from __future__ import annotations

import pickle
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hdfs_jobs.errors import InfrastructureError, in_one_line
from hdfs_jobs.runs import round_tasks
from hdfs_jobs.runs.code import check_workers
from hdfs_jobs.runs.events import RoundsRepeated
from hdfs_jobs.runs.options import DEFAULTS, RunOptions
from hdfs_jobs.runs.round_graph import RoundsGraph
from hdfs_jobs.runs.round_tasks import Iteration
from hdfs_jobs.runs.workers import Workers

if TYPE_CHECKING:
    from distributed import Client, Future

    from hdfs_jobs.runs.events import Event

AHEAD = 2
"""Batches of rounds that are given to Dask before the first of them has ended."""

BATCH_SECONDS = 0.5
"""How long the rounds that are given to Dask as one take, about: their reports come together."""

KEEP_ROUNDS = 50
"""After so many rounds two workers keep the state."""

COPY_SECONDS = 30.0
"""How long the second copy of a state may take, before it goes on with one."""

ANSWER_SECONDS = 60.0
POLL_SECONDS = 0.2


def run_rounds(
    iteration: Iteration,
    *,
    client: Client,
    rounds: int,
    name: str,
    on_report: Callable[[int, Any], None],
    saves: Callable[[int], bool] = lambda number: False,
    options: RunOptions = DEFAULTS,
    on_event: Callable[[Event], None] | None = None,
    stop: threading.Event | None = None,
    keep_rounds: int = KEEP_ROUNDS,
) -> int:
    """Iterate until so many rounds are in the state, and save it.

    Parameters
    ----------
    iteration : Iteration
        What is iterated. The result is the same whatever workers there are, and whatever happens
        to them, if its functions are.
    client : distributed.Client
        Connected, with a worker behind it.
    rounds : int
        How many are to be in the state at the end.
    name : str
        What is iterated, for events and errors.
    on_report : callable
        Called with numbers of rounds and the state's report, in order, once each. Reports of rounds
        before a save may be missing where all workers were lost after it.
    saves : callable
        Whether the state after so many rounds is to be saved; asked when that round is submitted.
        It is saved by the time of its report, and nothing after it.
    options : RunOptions
        Code that workers must run, and patience.
    on_event : callable or None
        Called with each event.
    stop : threading.Event or None
        Once set, no more rounds are begun; the last state is saved.
    keep_rounds : int
        After how many rounds two workers keep the state.

    Returns
    -------
    int
        How many rounds are in the state that was saved.

    Raises
    ------
    UsageError
        A worker runs other code.
    InfrastructureError
        No worker is left, or what the rounds need is lost again and again. The same call goes on
        from what was saved last.
    Exception
        What a function of the iteration raised, as it was raised.
    """
    check_workers(client, options.code, ANSWER_SECONDS)
    run = _Rounds(
        client=client,
        pickled=pickle.dumps(iteration),
        parts=iteration.parts,
        rounds=rounds,
        on_report=on_report,
        saves=saves,
        emit=on_event or (lambda event: None),
        stop=stop or threading.Event(),
        keep_rounds=keep_rounds,
        workers=Workers(client, name, options, {}, on_event or (lambda event: None)),
        name=name,
        retries=options.retries,
    )
    with client.as_current():
        return run.go()


class _LostError(Exception):
    """Tasks, or what they were made of, are lost with their workers."""


@dataclass(frozen=True)
class _Base:
    """A state to go on from, with what keeps it."""

    number: int
    future: Future[Any]
    held: Any = None
    address: str = ""


@dataclass(frozen=True)
class _Batch:
    """Rounds that were given to Dask as one, and how many are in the state after them."""

    number: int
    saves: bool
    state: Future[Any]
    reports: Future[Any]


@dataclass
class _Rounds:
    """The state of one call of `run_rounds`."""

    client: Client
    pickled: bytes
    parts: int
    rounds: int
    on_report: Callable[[int, Any], None]
    saves: Callable[[int], bool]
    emit: Callable[[Event], None]
    stop: threading.Event
    keep_rounds: int
    workers: Workers
    name: str
    retries: int
    reported: int = -1
    saved: int = -1
    seconds: float = BATCH_SECONDS
    bases: list[_Base] = field(default_factory=list)

    def go(self) -> int:
        """Go on from the best state there is until all is done."""
        losses, furthest = 0, -1
        while True:
            try:
                base = self._base()
                if self.reported < 0:
                    self.reported = self.saved = base.number
                return self._chain(base)
            except _LostError as lost:
                losses = 0 if self.reported > furthest else losses + 1
                furthest = self.reported
                if losses > self.retries:
                    raise InfrastructureError(
                        f"{self.name}: workers are lost faster than rounds are done ({lost}); what "
                        "is saved stays, run the command again"
                    ) from lost
                self.emit(RoundsRepeated(self.name, self.reported, in_one_line(str(lost))))

    def _base(self) -> _Base:
        """Return the last state that a worker has kept, or what was saved."""
        held = self.client.who_has([base.future for base in self.bases]) if self.bases else {}
        self.bases = [base for base in self.bases if held.get(base.future.key)]
        if self.bases:
            return self.bases[0]
        loaded = self._submit(round_tasks.load, self.pickled)
        number = self._result(self._submit(round_tasks.number_of, loaded))
        # Dask would load again what is lost: by then another state may have been saved.
        return self._keep(number, loaded)

    def _chain(self, base: _Base) -> int:
        """Make rounds from a state on, and keep the state every now and then."""
        if base.number > self.reported:
            # It was saved, but its report was lost, and those before it.
            found = self._result(
                self._submit(round_tasks.reports, self.pickled, False, base.future)
            )
            self.reported = base.number
            self.on_report(base.number, found[-1])
        while base.number < self.rounds and not self.stop.is_set():
            last = min(self.rounds, base.number - base.number % self.keep_rounds + self.keep_rounds)
            number, state = self._some(base, last)
            base = self._keep(number, state)
        if base.number > self.saved:
            self._result(self._submit(round_tasks.reports, self.pickled, True, base.future))
            self.saved = base.number
        return base.number

    def _some(self, base: _Base, last: int) -> tuple[int, Future[Any]]:
        """Make the rounds up to `last`, some of them given to Dask ahead of time."""
        state, number = base.future, base.number
        ahead: deque[_Batch] = deque()
        begun = time.monotonic()
        while ahead or (number < last and not self.stop.is_set()):
            # Nothing is begun beyond a state that is to be saved: `on_report` finds that one saved.
            saving = bool(ahead) and ahead[-1].saves
            while number < last and not (len(ahead) == AHEAD or saving or self.stop.is_set()):
                ahead.append(self._batch(number, state, last))
                number, state, saving = ahead[-1].number, ahead[-1].state, ahead[-1].saves
            batch = ahead.popleft()
            reports = self._result(batch.reports)
            now = time.monotonic()
            self.seconds, begun = max(1e-3, (now - begun) / len(reports)), now
            if batch.saves:
                self.saved = max(self.saved, batch.number)
            for done, found in enumerate(reports, batch.number - len(reports) + 1):
                if done > self.reported:
                    self.reported = done
                    self.on_report(done, found)
        return number, state

    def _batch(self, number: int, state: Future[Any], last: int) -> _Batch:
        """Submit some rounds; one graph of many tasks costs far less than many of one."""
        graph = RoundsGraph(self.pickled, self.parts, self.workers.addresses, state.key)
        end = min(last, number + max(1, int(BATCH_SECONDS / self.seconds)))
        saves = False
        while number < end and not saves:
            graph.add_round()
            number += 1
            saves = self.saves(number)
        return _Batch(number, saves, *graph.submit(self.client, saves))

    def _keep(self, number: int, state: Future[Any]) -> _Base:
        """Have two workers keep a state, so that what it was made of can be forgotten."""
        first = self._copy(number, state)
        bases = [first]
        known = self.client.scheduler_info(n_workers=-1)["workers"]
        others = [address for address in known if address != first.address]
        if others:
            # A place that goes meanwhile is waited for in vain: one copy is enough to go on.
            with suppress(_LostError, TimeoutError):
                place = others[number // self.keep_rounds % len(others)]
                bases.append(self._copy(number, first.future, place))
        self.bases = bases
        return first

    def _copy(self, number: int, state: Future[Any], place: str = "") -> _Base:
        from distributed import Future

        key = f"state-{number}-{uuid.uuid4().hex}"
        options = {"workers": [place]} if place else {}
        held = self._submit(round_tasks.keep, state, key, **options)
        address, _ = self._result(held, COPY_SECONDS if place else None)
        return _Base(number, Future(key, self.client), held, address)

    def _submit(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Future[Any]:
        return self.client.submit(function, *arguments, pure=False, **options)

    def _result(self, future: Future[Any], seconds: float | None = None) -> Any:
        """Wait for a result while workers are looked after.

        Raises
        ------
        _LostError
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
                except CancelledError as error:
                    raise _LostError(str(error)) from error
                except Exception as error:
                    if type(error).__name__ in {"KilledWorker", "CommClosedError"}:
                        raise _LostError(str(error)) from error
                    if future.status == "error" or not isinstance(error, TimeoutError):
                        raise
            ended.wait(POLL_SECONDS)
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError
            if self.client.status in {"closing", "closed"}:
                raise InfrastructureError(
                    f"{self.name}: the scheduler went away; what is saved stays, run the command "
                    "again when it is back"
                )
            self.workers.refresh()
