"""The events of a run beside those of its stages: its harvest, its hold on the store, its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hdfs_jobs.runs.events import (
    Event,
    ItemQuarantined,
    RoundsRepeated,
    ShardFailed,
    ShardRetried,
    WorkerLost,
    WorkersAwaited,
)
from hdfs_jobs.runs.log import record
from nsynth_batch.settings.choices import LogLevel

if TYPE_CHECKING:
    from hdfs_jobs.canonical_json import Json
    from nsynth_batch.sources.counts import Harvest


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins.

    Attributes
    ----------
    stages : sequence of str
        Datasets that it completes.
    source : str or None
        What it harvests first.
    settings : mapping
        All of its settings.
    command, host : str
        What runs, as others are to call it, and where.
    pid : int
        The process there.
    arguments : str
        What followed the command, as typed.
    """

    stages: Sequence[str]
    source: str | None
    settings: Mapping[str, Json]
    command: str
    host: str
    pid: int
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run ended as it should, or was drained, which its exit code shows."""

    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class RunFailed:
    """A run ended with an error, or with more in quarantine than its settings allow."""

    exit_code: int
    error: str


@dataclass(frozen=True, slots=True)
class DrainRequested:
    """A signal asked the run to stop: `at_work` shards are finished, no other is begun."""

    signal: str
    at_work: int


@dataclass(frozen=True, slots=True)
class Note:
    """A line for people.

    Attributes
    ----------
    text : str
        The line.
    name : str
        The dataset that it is about, or ``harvest``; empty for the whole run.
    level : str
        How much it matters.
    """

    text: str
    name: str = ""
    level: LogLevel = "info"

    def __str__(self) -> str:
        mark = "" if self.level == "info" else f"{self.level}: "
        return f"{self.name}: {mark}{self.text}" if self.name else f"{mark}{self.text}"


@dataclass(frozen=True, slots=True)
class RecordingsTooShort:
    """Recordings that a step leaves out, since none of their segments is long enough.

    Attributes
    ----------
    name : str
        The dataset that holds nothing of them.
    titles : sequence of str
        All of them.
    """

    name: str
    titles: Sequence[str]


@dataclass(frozen=True, slots=True)
class HarvestProgressed:
    """A harvest begins, goes on or ends; all counts are of this run, so far.

    Attributes
    ----------
    offered : int
        Recordings that the source offered, with those that filters skipped.
    found, added : int
        Recordings that were looked at, and those new to the store.
    received_bytes : int
        Bytes copied, or fetched over the network.
    paced_seconds, busy_answers : float, int
        See `Harvest`.
    quarantined : mapping of str to int
        Recordings quarantined, by reason.
    ended : bool
        Whether it is over.
    """

    offered: int
    found: int
    added: int
    received_bytes: int
    paced_seconds: float
    busy_answers: int
    quarantined: Mapping[str, int]
    ended: bool


@dataclass(frozen=True, slots=True)
class LeaseTaken:
    """Only this run may write to the store."""

    store: str


@dataclass(frozen=True, slots=True)
class LeaseGivenBack:
    """The next run may write to the store."""

    store: str


RunEvent = (
    Event
    | RunStarted
    | RunEnded
    | RunFailed
    | DrainRequested
    | Note
    | RecordingsTooShort
    | HarvestProgressed
    | LeaseTaken
    | LeaseGivenBack
)


def level_of(event: RunEvent) -> LogLevel:
    """Return how much an event matters."""
    if isinstance(event, Note):
        return event.level
    if isinstance(event, (RunFailed, ShardFailed)):
        return "error"
    if isinstance(
        event, (ItemQuarantined, RoundsRepeated, ShardRetried, WorkerLost, WorkersAwaited)
    ):
        return "warning"
    return "info"


def as_json(event: RunEvent) -> dict[str, Json]:
    """Return an event as JSON: its kind under ``event``, its ``level``, then its fields."""
    fields = record(event)
    return {"event": fields.pop("event"), "level": level_of(event), **fields}


def harvest_progress(so_far: Harvest, *, ended: bool = False) -> HarvestProgressed:
    """Return the event of a harvest's counts."""
    return HarvestProgressed(
        offered=so_far.found + so_far.skipped.total(),
        found=so_far.found,
        added=so_far.added,
        received_bytes=max(so_far.bytes, so_far.received_bytes),
        paced_seconds=so_far.paced_seconds,
        busy_answers=so_far.busy_answers,
        quarantined=dict(so_far.quarantined),
        ended=ended,
    )
