"""Updates on Dask, applied to a state one after the other in the order in which they come.

Each worker makes an update from the newest state that there is, and goes on from the next. States
and updates go from worker to worker; the driver says only which update is applied next, and keeps
a log of it: from the log the same states can be made again, anywhere. No update begins from a
state that is older than a limit when it is applied: those that come too early wait.
"""

from __future__ import annotations

import pickle
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from hdfs_jobs.runs import round_tasks
from hdfs_jobs.runs.code import check_workers
from hdfs_jobs.runs.kept_states import ANSWER_SECONDS, POLL_SECONDS, Base, KeptStates, LostError
from hdfs_jobs.runs.options import DEFAULTS, RunOptions
from hdfs_jobs.runs.round_tasks import Iteration
from hdfs_jobs.runs.workers import Workers

if TYPE_CHECKING:
    from distributed import Client, Future

    from hdfs_jobs.runs.events import Event

KEEP_UPDATES = 50
"""After so many updates two workers keep the state, at the latest."""

KEEP_SECONDS = 10.0
"""After so many seconds likewise."""

REPORT_SECONDS = 0.5
"""How long reports are gathered before they come together."""


class Applied(NamedTuple):
    """An update that was applied: what piece it was of, and how many were in its first state."""

    piece: int
    began: int


def run_updates(
    iteration: Iteration,
    *,
    client: Client,
    updates: int,
    most_stale: int,
    name: str,
    on_report: Callable[[int, Any, int], None],
    on_save: Callable[[Sequence[Applied]], None],
    log: Iterable[Applied] = (),
    lanes: int = 0,
    saves: Callable[[int], bool] = lambda number: False,
    options: RunOptions = DEFAULTS,
    on_event: Callable[[Event], None] | None = None,
    stop: threading.Event | None = None,
    keep_updates: int = KEEP_UPDATES,
) -> int:
    """Apply the updates of so many pieces, each once, and save the state.

    Parameters
    ----------
    iteration : Iteration
        `Iteration.part` makes the update of a piece from a state, `Iteration.apply` applies it;
        their numbers are how many updates are in the state. Nothing is added.
    client : distributed.Client
        Connected, with a worker behind it.
    updates : int
        How many are to be in the state at the end: one of each piece from 0.
    most_stale : int
        How many others may be applied between the state that an update began from and itself.
    name : str
        What is updated, for events and errors.
    on_report : callable
        Called with numbers of updates, the state's report, and how many others came between the
        last update and the state that it began from; in order, once each.
    on_save : callable
        Called with the log up to the state that is saved next.
    log : iterable of Applied
        Of the state that `Iteration.load` returns; what is beyond it is left out.
    lanes : int
        Where pieces hang on others: piece k begins when piece ``k - lanes`` is applied. 0 for none.
    saves : callable
        Whether the state after so many pieces, a multiple of `lanes`, is to be saved; asked in
        their order before the last of them begins. They are all applied then, and no other. It is
        saved by the time of its report.
    options : RunOptions
        Code that workers must run, and patience.
    on_event : callable or None
        Called with each event.
    stop : threading.Event or None
        Once set, no more pieces are begun than fill the lanes; the last state is saved.
    keep_updates : int
        After how many updates two workers keep the state.

    Returns
    -------
    int
        How many updates are in the state that was saved.

    Raises
    ------
    UsageError
        A worker runs other code.
    InfrastructureError
        No worker is left, or states are lost again and again. The same call goes on from what was
        saved last.
    ValueError
        The log is shorter than the state that was saved.
    Exception
        What a function of the iteration raised, as it was raised.
    """
    check_workers(client, options.code, ANSWER_SECONDS)
    emit = on_event or (lambda event: None)
    workers = Workers(client, name, options, {}, emit)
    pickled = pickle.dumps(iteration)
    run = _Updates(
        pickled=pickled,
        total=updates,
        most_stale=most_stale,
        on_report=on_report,
        on_save=on_save,
        log=list(log),
        lanes=lanes,
        saves=saves,
        stop=stop or threading.Event(),
        keep_updates=keep_updates,
        workers=workers,
        states=KeptStates(client, pickled, workers, name, options.retries, emit),
    )
    with client.as_current():
        return run.go()


@dataclass(eq=False)
class _Begun:
    """An update that is being made, or waits to be applied."""

    piece: int
    began: int
    place: str
    update: Future[Any] | None = None


@dataclass
class _Updates:
    """The state of one call of `run_updates`."""

    pickled: bytes
    total: int
    most_stale: int
    on_report: Callable[[int, Any, int], None]
    on_save: Callable[[Sequence[Applied]], None]
    log: list[Applied]
    lanes: int
    saves: Callable[[int], bool]
    stop: threading.Event
    keep_updates: int
    workers: Workers
    states: KeptStates
    reported: int = -1
    saved: int = -1
    asked: int = 0
    limit: int | None = None
    begun: list[_Begun] = field(default_factory=list)
    waiting: list[_Begun] = field(default_factory=list)
    reporting: tuple[int, Future[Any]] | None = None

    def go(self) -> int:
        """Go on from the best state there is until all is done."""
        while True:
            try:
                base = self.states.last()
                if self.reported < 0:
                    self.reported = self.saved = self.asked = base.number
                    if len(self.log) < base.number:
                        raise ValueError(
                            f"the log has {len(self.log)} updates, the state {base.number}"
                        )
                return self._from(base)
            except LostError as lost:
                self.states.lost(lost, self.reported)

    def _from(self, base: Base) -> int:
        """Make updates from a state on."""
        self._begin_from(base)
        while True:
            self.states.tend()
            self._begin()
            if not self.begun:
                if self.number == self.limit:
                    self._save()
                ends = self.number == self.total or self.stop.is_set()
                if ends and self.number == self.saved:
                    return self.number
            self._wait()
            while chosen := next(filter(self._may_apply, self.waiting), None):
                self._apply(chosen)
            self._report()

    def _begin_from(self, base: Base) -> None:
        """Forget all that is not in a state."""
        del self.log[base.number :]
        self.number, self.state = base.number, base.future
        self.applied = {one.piece for one in self.log}
        self.lowest = 0
        self.begun, self.waiting, self.reporting = [], [], None
        self.arrivals: queue.SimpleQueue[_Begun | None] = queue.SimpleQueue()
        self.first = True
        self.kept, self.kept_at = base.number, time.monotonic()
        self.reported_at = time.monotonic()
        if base.number > self.reported:
            # It was saved, but its report was lost, and those before it.
            found = self.states.submit(round_tasks.reports, self.pickled, False, base.future)
            self._take(base.number, self.states.result(found)[-1:])

    def _begin(self) -> None:
        """Have every thread make an update that has nothing to do."""
        idle = Counter(self.workers.addresses)
        idle.subtract(one.place for one in self.begun if one not in self.waiting)
        for place in idle.elements():
            if len(self.begun) > self.most_stale:
                return
            piece = self._next_piece()
            if piece is None:
                return
            one = _Begun(piece, self.number, place)
            one.update = self.states.submit(
                round_tasks.one_part,
                self.pickled,
                piece,
                self.state,
                workers=[place],
                allow_other_workers=True,
            )
            self.begun.append(one)
            one.update.add_done_callback(_Arrival(self.arrivals, one))

    def _next_piece(self) -> int | None:
        """Return the first piece that is to be begun and can be; None where there is none."""
        while self.lowest in self.applied:
            self.lowest += 1
        begun = {one.piece for one in self.begun}
        piece = self.lowest
        while True:
            if self.limit is None and self.stop.is_set():
                lanes = max(1, self.lanes)
                self.limit = min(self.total, -(-self.asked // lanes) * lanes)
            while self.limit is None and self.asked <= piece:
                if self.asked == self.total:
                    self.limit = self.total
                elif (self.asked + 1) % max(1, self.lanes) == 0 and self.saves(self.asked + 1):
                    self.limit = self.asked + 1
                self.asked += 1
            if self.limit is not None and piece >= self.limit:
                return None
            follows = piece - self.lanes if self.lanes else -1
            if piece not in begun and piece not in self.applied:
                if follows < 0 or follows in self.applied:
                    return piece
                if piece >= self.lowest + self.lanes:
                    return None
            piece += 1

    def _wait(self) -> None:
        """Wait until an update is made, or not much longer."""
        try:
            came = self.arrivals.get(timeout=POLL_SECONDS)
        except queue.Empty:
            return
        if came is None or came.update is None:
            return
        if came.update.status in {"error", "cancelled"}:
            self.states.result(came.update)
        # Whose worker is lost by now is made again by Dask.
        self.waiting.append(came)

    def _may_apply(self, chosen: _Begun) -> bool:
        """Whether no other update becomes too old by applying one."""
        others = sorted(one.began for one in self.begun if one is not chosen)
        return all(self.number + 1 + k - began <= self.most_stale for k, began in enumerate(others))

    def _apply(self, chosen: _Begun) -> None:
        # Where it was made there is a thread with nothing to do, which others may not have.
        self.state = self.states.submit(
            round_tasks.next_state,
            self.pickled,
            self.first,
            self.state,
            chosen.update,
            workers=[chosen.place],
            allow_other_workers=True,
        )
        self.first = False
        self.number += 1
        self.log.append(Applied(chosen.piece, chosen.began))
        self.applied.add(chosen.piece)
        self.begun.remove(chosen)
        self.waiting.remove(chosen)
        due = time.monotonic() - self.kept_at > KEEP_SECONDS
        # A state that is to be saved is kept when it is.
        if (due or self.number - self.kept >= self.keep_updates) and self.number != self.limit:
            # What is kept has been reported: nothing of it is missing where all else is lost.
            self._take_asked()
            if not self.first:
                self._take(self.number, self.states.result(self._ask(saves=False)))
            self._keep(wait=False)

    def _keep(self, *, wait: bool) -> None:
        self.state = self.states.keep(self.number, self.state, wait=wait).future
        self.kept, self.kept_at = self.number, time.monotonic()

    def _report(self) -> None:
        """Take the reports that were asked for, and ask for more when it is time."""
        if self.reporting and self.reporting[1].done():
            self._take_asked()
        now = time.monotonic()
        due = now - self.reported_at > REPORT_SECONDS
        # The first update after reports were asked for leaves them out: all others are in a state.
        # What is to be saved is saved before it is reported.
        if due and not self.reporting and not self.first and self.number != self.limit:
            self.reported_at = now
            self.reporting = self.number, self._ask(saves=False)
            self.reporting[1].add_done_callback(_Arrival(self.arrivals, None))

    def _ask(self, *, saves: bool) -> Future[Any]:
        """Ask for the reports of a state; the next state leaves them out."""
        self.first = True
        return self.states.submit(round_tasks.reports, self.pickled, saves, self.state)

    def _take_asked(self) -> None:
        """Take the reports that were asked for, if any were."""
        if self.reporting:
            number, future = self.reporting
            self.reporting = None
            self._take(number, self.states.result(future))

    def _take(self, number: int, reports: Sequence[Any]) -> None:
        for done, found in enumerate(reports, number - len(reports) + 1):
            if done > self.reported:
                self.reported = done
                self.on_report(done, found, done - 1 - self.log[done - 1].began)

    def _save(self) -> None:
        """Save the state, in which all updates are that were begun."""
        self._take_asked()
        if self.number > self.saved:
            self.on_save(self.log)
            found = self.states.result(self._ask(saves=True))
            self.saved = self.number
            self._take(self.number, found)
        self.limit = None
        if self.number < self.total and not self.stop.is_set():
            self._keep(wait=True)


@dataclass(frozen=True)
class _Arrival:
    """Says that a future is done; Dask calls it from a thread of its own."""

    arrivals: queue.SimpleQueue[_Begun | None]
    one: _Begun | None

    def __call__(self, future: Future[Any]) -> None:
        self.arrivals.put(self.one)
