"""Iterations on Dask: parts are mapped over workers, added in a fixed tree, applied to a state.

Every round is a few Dask tasks: the parts of it, sums of them, the next state; or, where a part
needs sums of all parts on its way, stages of the parts, each with its sum. States and sums go
from worker to worker and never through the driver or the scheduler; the driver submits rounds ahead
and gets a small report of each. Now and then two workers keep a copy of the state that hangs on
nothing, so that Dask forgets what is behind it: a worker that is lost costs what was made since, or
since the last save where both copies are lost, and changes no bit of the result.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hdfs_jobs.runs import round_tasks
from hdfs_jobs.runs.code import check_workers
from hdfs_jobs.runs.kept_states import ANSWER_SECONDS, Base, KeptStates, LostError
from hdfs_jobs.runs.options import DEFAULTS, RunOptions
from hdfs_jobs.runs.round_graph import RoundsGraph
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
        pickled=pickled,
        parts=iteration.parts,
        stages=iteration.stages if isinstance(iteration, StagedIteration) else 0,
        rounds=rounds,
        on_report=on_report,
        saves=saves,
        stop=stop or threading.Event(),
        keep_rounds=keep_rounds,
        workers=workers,
        states=KeptStates(client, pickled, workers, name, options.retries, emit),
    )
    with client.as_current():
        return run.go()


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
    stages: int
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

    def _chain(self, base: Base) -> int:
        """Make rounds from a state on, and keep the state every now and then."""
        if base.number > self.reported:
            # It was saved, but its report was lost, and those before it.
            found = self.states.result(
                self.states.submit(round_tasks.reports, self.pickled, False, base.future)
            )
            self.reported = base.number
            self.on_report(base.number, found[-1])
        while base.number < self.rounds and not self.stop.is_set():
            last = min(self.rounds, base.number - base.number % self.keep_rounds + self.keep_rounds)
            number, state = self._some(base, last)
            base = self.states.keep(number, state)
        if base.number > self.saved:
            self.states.result(
                self.states.submit(round_tasks.reports, self.pickled, True, base.future)
            )
            self.saved = base.number
        return base.number

    def _some(self, base: Base, last: int) -> tuple[int, Future[Any]]:
        """Make the rounds up to `last`, some of them given to Dask ahead of time."""
        state, number = base.future, base.number
        ahead: deque[_Batch] = deque()
        begun = time.monotonic()
        while ahead or (number < last and not self.stop.is_set()):
            # Whoever took the reports may have taken long.
            self.states.tend()
            # Nothing is begun beyond a state that is to be saved: `on_report` finds that one saved.
            saving = bool(ahead) and ahead[-1].saves
            while number < last and not (len(ahead) == AHEAD or saving or self.stop.is_set()):
                ahead.append(self._batch(number, state, last))
                number, state, saving = ahead[-1].number, ahead[-1].state, ahead[-1].saves
            batch = ahead.popleft()
            reports = self.states.result(batch.reports)
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
        places = self.workers.addresses
        graph = RoundsGraph(self.pickled, self.parts, places, state.key, self.stages)
        end = min(last, number + max(1, int(BATCH_SECONDS / self.seconds)))
        saves = False
        while number < end and not saves:
            graph.add_round()
            number += 1
            saves = self.saves(number)
        return _Batch(number, saves, *graph.submit(self.client, saves))
