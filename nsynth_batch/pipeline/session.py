"""A run on a store: its lease, its log, its metrics, and the request to drain."""

from __future__ import annotations

import os
import re
import shlex
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from hdfs_jobs.runs.events import ShardCommitted, StageFinished, StageStarted
from nsynth_batch.errors import CommandError, failure
from nsynth_batch.pipeline.signals import Drain
from nsynth_batch.reporting.events import (
    DrainRequested,
    LeaseGivenBack,
    LeaseTaken,
    Note,
    RunEnded,
    RunEvent,
    RunFailed,
    RunStarted,
)
from nsynth_batch.reporting.report import Listener, Reports

if TYPE_CHECKING:
    from hdfs_jobs.datasets.store import Store
    from hdfs_jobs.runs.lease import Holder, Lease
    from nsynth_batch.reporting.metrics import Metrics
    from nsynth_batch.reporting.run_log import StoreLog
    from nsynth_batch.settings.settings import Settings


class Writer:
    """The store of some settings, leased from when it is first opened to the end of the block.

    Parameters
    ----------
    settings : Settings
        Which store, and after how long without a heartbeat this run counts as dead.
    on_event : callable
        Gets the lease's events, and a note if another run may hold the store.
    drain : Drain, optional
        Ends the wait for that run.
    """

    def __init__(self, settings: Settings, on_event: Listener, drain: Drain | None = None) -> None:
        self._settings = settings
        self._emit = on_event
        self._drain = drain or Drain()
        self._lease: Lease | None = None

    def open(self, *, create: bool = False) -> Store:
        """Open the store and take its lease.

        Parameters
        ----------
        create : bool
            Make one where there is nothing yet.

        Raises
        ------
        InfrastructureError
            If another run holds it.
        CommandError
            If a drain was requested during the wait.
        """
        from hdfs_jobs.datasets.store import Store
        from hdfs_jobs.runs.lease import acquire

        store = Store.open(self._settings.store, create=create)
        if self._lease is not None:
            return store
        self._lease = acquire(
            store.storage,
            _command(),
            seconds=self._settings.lease_seconds,
            stop=self._drain.asked,
            on_wait=self._note_wait,
        )
        if self._lease is None:
            raise CommandError(
                f"asked to stop while {store.url} was held by another run: nothing was done",
                self._drain.exit_code,
            )
        self._emit(LeaseTaken(store.url))
        return store

    def check(self) -> None:
        """Raise InfrastructureError once another run has taken the store over."""
        if self._lease is not None:
            self._lease.check()

    def _note_wait(self, holder: Holder) -> None:
        self._emit(Note(f"the store is held by {holder}: waiting to see whether that run is alive"))

    def __enter__(self) -> Writer:
        """Take nothing yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release the lease."""
        if self._lease is not None:
            self._lease.release()
            self._emit(LeaseGivenBack(self._settings.store))


class Session:
    """What a run works with: see `open_session`.

    Attributes
    ----------
    drain : Drain
        Looked at by all that can stop early.
    emit : Reports
        Hands an event to every listener.
    writer : Writer
        The store.
    slots : callable
        Returns how many shards are worked on at once.
    ended : RunEnded or RunFailed
        The event to close with where no error is raised.
    """

    def __init__(self, drain: Drain, emit: Reports, writer: Writer, left: _ShardsLeft) -> None:
        self.drain = drain
        self.emit = emit
        self.writer = writer
        self._left = left
        self.slots: Callable[[], int] = lambda: 0
        self.ended: RunEnded | RunFailed = RunEnded()

    def acknowledge(self, signal: str) -> None:
        """Emit that a drain was requested, with the shards that are finished all the same."""
        at_work = min(self._left.count, self.slots()) if self._left.count else 0
        self.emit(DrainRequested(signal, at_work))


class _ShardsLeft:
    """A listener that counts the shards that a stage has left to do."""

    def __init__(self) -> None:
        self.count = 0
        self._pending = 0

    def __call__(self, event: RunEvent) -> None:
        if isinstance(event, StageStarted):
            self.count = self._pending = event.pending
        elif isinstance(event, ShardCommitted):
            self.count = self._pending - event.done
        elif isinstance(event, StageFinished):
            self.count = 0


@contextmanager
def open_session(
    settings: Settings,
    *,
    stages: Sequence[str] = (),
    source: str | None = None,
    on_event: Listener | None = None,
    drain: Drain | None = None,
) -> Iterator[Session]:
    """Open the session of a run: to the end of the block its events go to all listeners.

    Those are `on_event`, the metrics where the settings serve them, and the log in the store. The
    store itself is opened, and leased, by ``session.writer.open()``; where it is there already, its
    log has this run from the start, however early that ends.

    Parameters
    ----------
    settings : Settings
        What to do, and where.
    stages : sequence of str
        Datasets to complete, for the log.
    source : str or None
        What is harvested first, for the log.
    on_event : callable, optional
        Gets every event.
    drain : Drain, optional
        Asks the run to stop; `draining` makes one of signals.

    Yields
    ------
    Session

    Raises
    ------
    CommandError
        If the metrics cannot be served.
    OSError
        If the storage cannot be had.
    """
    from nsynth_batch.pipeline.steps import ALL
    from nsynth_batch.reporting.metrics_server import served_metrics
    from nsynth_batch.reporting.run_log import StoreLog

    drain = drain or Drain()
    log, left = StoreLog(), _ShardsLeft()

    def metrics() -> Metrics:
        from nsynth_batch.reporting.metrics import Metrics

        inputs = {step.dataset: step.inputs for step in ALL}
        return Metrics(settings.max_bad_fraction, drain.asked, inputs)

    emit = Reports(*(() if on_event is None else (on_event,)), log, left)
    with ExitStack() as stack:
        emit(_started(settings, stages, source))
        try:
            log.begin(settings.store)
            for listener in stack.enter_context(served_metrics(settings, metrics)):
                emit.add(listener)
            with Writer(settings, emit, drain) as writer:
                session = Session(drain, emit, writer, left)
                drain.notify(session.acknowledge)
                yield session
        except BaseException as error:
            failed = failure(error)
            _close(emit, log, RunFailed(failed.exit_code, failed.message))
            raise
        finally:
            drain.notify(None)
        _close(emit, log, session.ended)


def _started(settings: Settings, stages: Sequence[str], source: str | None) -> RunStarted:
    values = settings.model_dump(mode="json")
    host = socket.gethostname()
    return RunStarted(tuple(stages), source, values, _command(), host, os.getpid(), _arguments())


def _close(emit: Reports, log: StoreLog, ended: RunEvent) -> None:
    emit(ended)
    if (trouble := log.flush()) is not None and isinstance(ended, RunEnded):
        emit(Note(f"the log of this run could not be stored: {trouble}", level="warning"))


def _command() -> str:
    """Return the name of this command for others; what follows the name may be private."""
    return " ".join(["nsynth-batch", *sys.argv[1:2]])


def _arguments() -> str:
    """Return what follows the name, for the log, which has all settings: no login of a URL."""
    return shlex.join(re.sub(r"(?<=://)[^/@\s]*@", "", word) for word in sys.argv[2:])
