"""Draws what a run tells: a bar on a terminal, lines or JSON elsewhere. All of it on stderr."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from hdfs_jobs.runs.events import (
    ItemQuarantined,
    ShardCommitted,
    ShardFailed,
    ShardRetried,
    StageFinished,
    StageStarted,
)
from hdfs_jobs.runs.log import json_line, record
from nsynth_batch.reporting.events import HarvestProgressed, Told
from nsynth_batch.text import one_line, size
from sequencer.text import clock

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from hdfs_jobs.canonical_json import Json

_SECONDS_BETWEEN_LINES = 5.0
_MOST_NAMED = 5


class Report(Protocol):
    """Where progress goes."""

    def __call__(self, event: Told) -> None:
        """Take what a stage tells."""
        ...

    def say(self, line: str) -> None:
        """Print one line."""
        ...

    def __enter__(self) -> Report: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def report(stream: TextIO | None = None, log_format: str = "text") -> Report:
    """Give the report that fits a stream: standard error unless another is named."""
    stream = stream or sys.stderr
    if log_format == "json":
        return JsonReport(stream)
    return TerminalReport(stream) if stream.isatty() else PlainReport(stream)


class Relay:
    """A report that hands on all that it is told; those that add to it stand on this one.

    Parameters
    ----------
    report : Report
        Who is told.
    """

    def __init__(self, report: Report) -> None:
        self._report = report

    def __enter__(self) -> Self:
        self._report.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._report.__exit__(kind, error, trace)

    def say(self, line: str) -> None:
        """Hand a note on."""
        self._report.say(line)

    def __call__(self, event: Told) -> None:
        """Hand an event on."""
        self._report(event)


class Speed:
    """How fast a stage goes, and how much longer it takes at that.

    Parameters
    ----------
    pending : int
        Shards that it has to do.
    """

    def __init__(self, pending: int) -> None:
        self.pending = pending
        self.done = 0
        self.seconds = 0.0
        self._start = time.monotonic()

    def add(self, event: ShardCommitted) -> None:
        """Count a shard."""
        self.done = event.done
        self.seconds += event.summary.seconds

    @property
    def rate(self) -> float:
        """Seconds of audio a second since the stage began."""
        return self.seconds / self._elapsed

    @property
    def _elapsed(self) -> float:
        return max(time.monotonic() - self._start, 1e-9)

    def __str__(self) -> str:
        left = (self.pending - self.done) * self._elapsed / max(self.done, 1)
        return f"{self.seconds:.1f} s of audio, {self.rate:.2f} audio-s/s, {clock(left)} left"


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
    """Lines for logs: when a stage begins and ends, and now and then between.

    Parameters
    ----------
    stream : TextIO
        Where they go.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._speed = Speed(0)
        self._last_line = 0.0
        self._set_aside = 0

    def say(self, line: str) -> None:
        """Print one line."""
        print(line, file=self._stream, flush=True)

    def __call__(self, event: Told) -> None:
        """Print what an event says, if it is worth a line."""
        if isinstance(event, StageStarted):
            self._speed = Speed(event.pending)
            self._last_line = time.monotonic()
            self._set_aside = 0
            if event.pending:
                self.say(f"{event.name}: {event.pending} of {event.shards} shards to do")
        elif isinstance(event, ShardCommitted):
            self._speed.add(event)
            if time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
                self._last_line = time.monotonic()
                self.say(
                    f"{event.name}: {self._speed.done} of {self._speed.pending} shards, "
                    f"{self._speed}"
                )
        elif isinstance(event, ItemQuarantined):
            self._set_aside += 1
            if self._set_aside <= _MOST_NAMED:
                self.say(quarantine_line(event))
            elif self._set_aside == _MOST_NAMED + 1:
                self.say(f"{event.name}: more in quarantine; `nsynth-batch status` lists reasons")
        elif isinstance(event, ShardRetried):
            self.say(retry_line(event))
        elif isinstance(event, ShardFailed):
            self.say(failure_line(event))
        elif isinstance(event, StageFinished):
            self.say(finish_line(event))
        elif isinstance(event, HarvestProgressed) and event.found and not event.ended:
            self.say(f"harvest: {event.found} recordings, {size(event.came)} copied")


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

    def say(self, line: str) -> None:
        """Print one line above the bar."""
        self._console.print(line, markup=False)

    def __call__(self, event: Told) -> None:
        """Move the bar, or print what an event says."""
        if isinstance(event, StageStarted):
            self._speed = Speed(event.pending)
            self._set_aside = 0
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task = self._progress.add_task(event.name, total=event.pending, speed="")
        elif isinstance(event, ShardCommitted):
            self._speed.add(event)
            if self._task is not None:
                self._progress.update(self._task, completed=event.done, speed=str(self._speed))
        else:
            super().__call__(event)


class JsonReport(_OnStream):
    """A JSON object a line, for a collector of logs.

    Parameters
    ----------
    stream : TextIO
        Where they go.
    """

    def say(self, line: str) -> None:
        """Print a note."""
        self._print({"event": "Note", "text": line})

    def __call__(self, event: Told) -> None:
        """Print an event."""
        self._print(record(event))

    def _print(self, fields: dict[str, Json]) -> None:
        print(json_line(fields), end="", file=self._stream, flush=True)


def quarantine_line(event: ItemQuarantined) -> str:
    """Say what was set aside and why, on one line whatever its name holds."""
    entry = event.entry
    title = one_line(entry.title or entry.key)
    return f"{event.name}: quarantined {title}: {entry.reason}: {one_line(entry.detail)}"


def retry_line(event: ShardRetried) -> str:
    """Say what failed and when it is tried again."""
    return (
        f"{event.name}: shard {event.shard} failed ({one_line(event.error)}); "
        f"attempt {event.attempt + 1} in {event.delay:.0f} s"
    )


def failure_line(event: ShardFailed) -> str:
    """Say what is left to the next run, and why."""
    return (
        f"{event.name}: shard {event.shard} is left to the next run after attempt "
        f"{event.attempt}: {one_line(event.error)}"
    )


def finish_line(event: StageFinished) -> str:
    """Sum up a stage."""
    outcome = event.outcome
    if not outcome.committed and not outcome.drained:
        return f"{outcome.name}: all {outcome.shards} shards are committed, nothing to do"
    line = (
        f"{outcome.name}: {outcome.committed} shards, {outcome.rows} rows, "
        f"{outcome.seconds:.1f} s of audio in {clock(outcome.wall_seconds)}"
    )
    if outcome.quarantined:
        line += f", {outcome.quarantined} quarantined"
    return line + (" (drained; run again to go on)" if outcome.drained else "")
