"""Draws the events of a run on stderr: a bar on a terminal, lines or JSON elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from hdfs_jobs.runs.events import (
    ItemQuarantined,
    RoundsRepeated,
    ShardCommitted,
    ShardFailed,
    ShardRetried,
    StageFinished,
    StageStarted,
    WorkerLost,
    WorkersAwaited,
)
from hdfs_jobs.runs.log import json_line
from nsynth_batch.reporting.events import (
    DrainRequested,
    HarvestProgressed,
    LeaseTaken,
    Note,
    RecordingsTooShort,
    RunEvent,
    as_json,
    level_of,
)
from nsynth_batch.reporting.report import Speed
from nsynth_batch.text import command_line, one_line, size
from sequencer.text import clock, counted

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_SECONDS_BETWEEN_LINES = 5.0
_MOST_NAMED = 5
_SIGNAL_NAMES = {"SIGINT": "Ctrl-C"}


class Report(Protocol):
    """A listener that draws until the end of its block."""

    def __call__(self, event: RunEvent) -> None:
        """Draw an event."""
        ...

    def __enter__(self) -> Report: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def report(
    stream: TextIO | None = None, log_format: str = "text", *, quiet: bool = False
) -> Report:
    """Return the report that fits a stream.

    Parameters
    ----------
    stream : TextIO, optional
        Standard error unless another is named.
    log_format : str
        ``text`` or ``json``.
    quiet : bool
        Draw only what went wrong, and the request to drain.
    """
    stream = stream or sys.stderr
    if log_format == "json":
        return JsonReport(stream, quiet=quiet)
    if quiet:
        return QuietReport(stream)
    return TerminalReport(stream) if stream.isatty() else PlainReport(stream)


class _OnStream:
    """A report that a stream takes line by line.

    Parameters
    ----------
    stream : TextIO
        Where lines go.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return


class PlainReport(_OnStream):
    """Lines for logs, each with its time: when a stage begins and ends, and now and then between.

    Parameters
    ----------
    stream : TextIO
        Where they go.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._speed = Speed(0)
        self._last_line = 0.0
        self._quarantined = 0
        self._store: str | None = None

    def __call__(self, event: RunEvent) -> None:
        """Print the line of an event, if it is worth one."""
        if isinstance(event, StageStarted):
            self._start(event)
        elif isinstance(event, ShardCommitted):
            self._commit(event)
        elif isinstance(event, ItemQuarantined):
            self._quarantine(event)
        elif isinstance(event, LeaseTaken):
            self._store = event.store
        elif isinstance(event, HarvestProgressed):
            if event.found and not event.ended:
                self._print(
                    f"harvest: {counted(event.found, 'recording')}, "
                    f"{size(event.received_bytes)} copied"
                )
        elif line := line_of(event):
            self._print(line)

    def _start(self, event: StageStarted) -> None:
        self._speed = Speed(event.pending)
        self._last_line = time.monotonic()
        self._quarantined = 0
        if event.pending:
            self._print(f"{event.name}: {event.pending} of {counted(event.shards, 'shard')} to do")

    def _commit(self, event: ShardCommitted) -> None:
        self._speed.add(event)
        if time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self._print(
                f"{event.name}: {self._speed.done} of {counted(self._speed.pending, 'shard')}, "
                f"{self._speed}"
            )

    def _quarantine(self, event: ItemQuarantined) -> None:
        self._quarantined += 1
        if self._quarantined <= _MOST_NAMED:
            self._print(quarantine_line(event))
        elif self._quarantined == _MOST_NAMED + 1:
            status = command_line("status", self._store)
            self._print(f"{event.name}: more in quarantine; {status} lists reasons")

    def _print(self, line: str) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        print(f"{now} {line}", file=self._stream, flush=True)


class TerminalReport(PlainReport):
    """A bar with rate and remaining time, and the plain lines that matter above it.

    Parameters
    ----------
    stream : TextIO
        A terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        super().__init__(stream)
        self._console = Console(file=stream, highlight=False)
        self._progress: Progress = Progress(
            TextColumn("{task.description:>9}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            console=self._console,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def _start(self, event: StageStarted) -> None:
        self._speed = Speed(event.pending)
        self._quarantined = 0
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(event.name, total=event.pending, speed="")

    def _commit(self, event: ShardCommitted) -> None:
        self._speed.add(event)
        if self._task is not None:
            self._progress.update(self._task, completed=event.done, speed=str(self._speed))

    def _print(self, line: str) -> None:
        """Print one line above the bar."""
        self._console.print(line, markup=False)


class JsonReport(_OnStream):
    """A JSON object a line, for a collector of logs.

    Parameters
    ----------
    stream : TextIO
        Where they go.
    quiet : bool
        Print only what `matters`.
    """

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        super().__init__(stream)
        self._quiet = quiet

    def __call__(self, event: RunEvent) -> None:
        """Print an event."""
        if self._quiet and not matters(event):
            return
        print(json_line(as_json(event)), end="", file=self._stream, flush=True)


class QuietReport(PlainReport):
    """Lines for what went wrong alone, and for the request to drain.

    Parameters
    ----------
    stream : TextIO
        Where they go.
    """

    def __call__(self, event: RunEvent) -> None:
        """Print the line of an event, if it matters."""
        if isinstance(event, LeaseTaken) or matters(event):
            super().__call__(event)


def matters(event: RunEvent) -> bool:
    """Whether an event is worth a line where only trouble is."""
    return isinstance(event, DrainRequested) or level_of(event) != "info"


def line_of(event: RunEvent) -> str | None:
    """Return the line that an event is to people; None if it is not worth one."""
    if isinstance(event, Note):
        return str(event)
    if isinstance(event, RecordingsTooShort):
        return too_short_line(event)
    if isinstance(event, ShardRetried):
        return retry_line(event)
    if isinstance(event, ShardFailed):
        return failure_line(event)
    if isinstance(event, WorkerLost):
        return lost_line(event)
    if isinstance(event, WorkersAwaited):
        return waiting_line(event)
    if isinstance(event, RoundsRepeated):
        return repeated_line(event)
    if isinstance(event, StageFinished):
        return finish_line(event)
    if isinstance(event, DrainRequested):
        return drain_line(event)
    return None


def quarantine_line(event: ItemQuarantined) -> str:
    """Return what was quarantined and why, on one line whatever its name holds."""
    entry = event.entry
    title = one_line(entry.title or entry.key)
    return f"{event.name}: quarantined {title}: {entry.reason}: {one_line(entry.detail)}"


def too_short_line(event: RecordingsTooShort) -> str:
    """Return the first of the recordings that are left out, and how many there are."""
    more = len(event.titles) - _MOST_NAMED
    shown = ", ".join(map(one_line, event.titles[:_MOST_NAMED]))
    others = f" and {more:,} more, which the log names" if more > 0 else ""
    return f"{event.name}: {counted(len(event.titles), 'recording')} too short: {shown}{others}"


def retry_line(event: ShardRetried) -> str:
    """Return what failed and when it is tried again."""
    return (
        f"{event.name}: shard {event.shard} failed ({one_line(event.error)}); "
        f"attempt {event.attempt + 1} in {event.delay:.0f} s"
    )


def failure_line(event: ShardFailed) -> str:
    """Return what is left to the next run, and why."""
    return (
        f"{event.name}: shard {event.shard} is left to the next run after attempt "
        f"{event.attempt}: {one_line(event.error)}"
    )


def lost_line(event: WorkerLost) -> str:
    """Return which worker was lost, and with which shards."""
    had = ", ".join(map(str, event.shards))
    of = f" with shard{'s' * (len(event.shards) > 1)} {had}, to be done again" if had else ""
    return f"{event.name}: worker {event.worker} was lost{of}"


def waiting_line(event: WorkersAwaited) -> str:
    """Return for what a run waits, and how much longer."""
    left = max(0.0, event.patience - event.waited)
    return f"{event.name}: {event.reason}: waiting, {left:.0f} s more at most"


def repeated_line(event: RoundsRepeated) -> str:
    """Return from where on rounds are made again."""
    return f"{event.name}: states after round {event.done} are lost with their workers: made again"


def finish_line(event: StageFinished) -> str:
    """Return the sums of a stage."""
    outcome = event.outcome
    if not outcome.committed and not outcome.drained:
        all_are = "its shard is" if outcome.shards == 1 else f"all {outcome.shards:,} shards are"
        return f"{outcome.name}: {all_are} committed, nothing to do"
    line = (
        f"{outcome.name}: {counted(outcome.committed, 'shard')}, {counted(outcome.rows, 'row')}, "
        f"{outcome.seconds:.1f} s of audio in {clock(outcome.wall_seconds)}"
    )
    if outcome.quarantined:
        line += f", {outcome.quarantined} quarantined"
    return line + (" (drained; run again to go on)" if outcome.drained else "")


def drain_line(event: DrainRequested) -> str:
    """Return what a run that was asked to stop still does, and how to end it at once."""
    shards = f": {event.at_work} shard{'s' * (event.at_work > 1)} at work" if event.at_work else ""
    name = _SIGNAL_NAMES.get(event.signal, event.signal)
    return f"draining{shards}; a second {name} ends at once"
