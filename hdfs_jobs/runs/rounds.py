"""Iterations on Dask: parts are mapped over workers, added in a fixed tree, applied to a state.

Every round is a Dask task on each worker, which makes the state of the sums of the round before and
then sums of its parts; or, where a part needs sums of all parts on its way, stages of the parts,
each with its sums. The state stays where it is made; sums go from worker to worker and never
through the driver or the scheduler; the driver submits rounds ahead and gets a small report of
each. Now and then two workers keep the state for Dask, which forgets what is behind it: a worker
that is lost costs at most what was made since, or since the last save where both copies are lost,
and changes no bit of the result.
"""

from __future__ import annotations

import pickle
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hdfs_jobs.runs import residents, round_tasks
from hdfs_jobs.runs.code import check_workers
from hdfs_jobs.runs.kept_states import ANSWER_SECONDS, POLL_SECONDS, Base, KeptStates, LostError
from hdfs_jobs.runs.options import DEFAULTS, RunOptions
from hdfs_jobs.runs.residents import Run
from hdfs_jobs.runs.round_graph import Pickled, RoundsGraph
from hdfs_jobs.runs.round_tasks import Iteration, StagedIteration
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

FORGET_SECONDS = 5.0
KEEP_SECONDS = 5.0
"""After about so long two workers keep the state, if it is not time for that already."""


def run_rounds(
    iteration: Iteration | StagedIteration,
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
    iteration : Iteration or StagedIteration
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
    emit = on_event or (lambda event: None)
    workers = Workers(client, name, options, {}, emit)
    pickled = pickle.dumps(iteration)
    run = _Rounds(
        client=client,
        iteration=Pickled(
            pickled,
            iteration.parts,
            iteration.stages if isinstance(iteration, StagedIteration) else 0,
        ),
        run=Run(uuid.uuid4().hex, 0),
        rounds=rounds,
        on_report=on_report,
        saves=saves,
        stop=stop or threading.Event(),
        keep_rounds=keep_rounds,
        workers=workers,
        states=KeptStates(client, pickled, workers, name, options.retries, emit),
    )
    with client.as_current():
        try:
            return run.go()
        finally:
            run.forget()


@dataclass(frozen=True)
class _Batch:
    """Rounds that were given to Dask as one, and how many are in the state after them."""

    number: int
    saves: bool
    reports: Future[Any]


@dataclass
class _Rounds:
    """The state of one call of `run_rounds`."""

    client: Client
    iteration: Pickled
    run: Run
    rounds: int
    on_report: Callable[[int, Any], None]
    saves: Callable[[int], bool]
    stop: threading.Event
    keep_rounds: int
    workers: Workers
    states: KeptStates
    reported: int = -1
    saved: int = -1
    seconds: float = BATCH_SECONDS

    def go(self) -> int:
        """Go on from the best state there is until all is done."""
        while True:
            try:
                base = self.states.last()
                if self.reported < 0:
                    self.reported = self.saved = base.number
                return self._chain(base)
            except LostError as lost:
                self.states.lost(lost, self.reported)
                # What is under way may still change the states that workers have by this name.
                self.run = Run(self.run.name, self.run.attempt + 1)

    def _chain(self, base: Base) -> int:
        """Make rounds from a state on, and keep the state every now and then."""
        if base.number > self.reported:
            # It was saved, but its report was lost, and those before it.
            self._take(base.number, self._reports(base, saves=False))
        settled: tuple[str, ...] = ()
        while base.number < self.rounds and not self.stop.is_set():
            places = self.workers.addresses
            if not places:
                self.stop.wait(POLL_SECONDS)
                self.states.tend()
                continue
            graph = RoundsGraph(self.client, self.iteration, self.run, base, places, settled)
            self._some(graph)
            if graph.sums:
                settled = graph.makers
                base = self.states.settle(self.run, graph.number, graph.sums, settled)
        if base.number > self.saved:
            self._reports(base, saves=True)
            self.saved = base.number
        return base.number

    def _some(self, graph: RoundsGraph) -> None:
        """Make rounds until it is time to keep the state, some given to Dask ahead of time."""
        last = min(self.rounds, graph.number - graph.number % self.keep_rounds + self.keep_rounds)
        ahead: deque[_Batch] = deque()
        first, begun = graph.number, time.monotonic()
        while True:
            # Whoever took the reports may have taken long.
            self.states.tend()
            # Nothing is begun beyond a state that is to be saved: `on_report` finds that one saved.
            while not (
                len(ahead) == AHEAD
                or (ahead and ahead[-1].saves)
                or graph.number >= last
                or self.stop.is_set()
                or time.monotonic() - begun > KEEP_SECONDS
                or graph.places != self.workers.addresses
            ):
                ahead.append(self._batch(graph, last))
            if not ahead:
                return
            batch = ahead.popleft()
            reports = self.states.result(batch.reports, places=graph.makers)
            # Of all of them: those of two batches may come at once.
            taken = time.monotonic() - begun
            self.seconds = max(1e-3, taken / (batch.number - first))
            if batch.saves:
                self.saved = max(self.saved, batch.number)
            self._take(batch.number, reports)

    def _batch(self, graph: RoundsGraph, last: int) -> _Batch:
        """Submit some rounds; one graph of many tasks costs far less than many of one."""
        first = graph.number
        end = min(last, first + max(1, int(BATCH_SECONDS / self.seconds)))
        saves = False
        while graph.number < end and not saves:
            graph.add_round()
            saves = self.saves(graph.number)
        reports = graph.submit(graph.number - first, saves)
        return _Batch(graph.number, saves, reports)

    def _reports(self, base: Base, *, saves: bool) -> tuple[Any, ...]:
        """Return the reports that a state has; save it first if it is to be saved."""
        asked = self.states.submit(round_tasks.reports, self.iteration.work, saves, base.future)
        found: tuple[Any, ...] = self.states.result(asked)
        return found

    def _take(self, number: int, reports: Sequence[Any]) -> None:
        for done, found in enumerate(reports, number - len(reports) + 1):
            if done > self.reported:
                self.reported = done
                self.on_report(done, found)

    def forget(self) -> None:
        """Have workers let go of the states that they have."""
        from distributed import wait

        if self.client.status != "running":
            return
        asked = [
            self.states.submit(
                residents.forget, self.run.name, workers=[place], allow_other_workers=True
            )
            for place in set(self.workers.addresses)
        ]
        # One that is busy, or gone, does so when another run begins.
        with suppress(OSError, CancelledError):
            wait(asked, timeout=FORGET_SECONDS)
