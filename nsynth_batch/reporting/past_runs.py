"""What earlier runs on a store did, from the logs that they left there."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hdfs_jobs.runs.log_reader import log_parts, logged_runs, read_log, read_part
from hdfs_jobs.storage.base import Storage
from nsynth_batch.errors import DRAINED, INTERRUPTED, OK

if TYPE_CHECKING:
    from hdfs_jobs.canonical_json import Json
    from hdfs_jobs.runs.lease import Held

_ENDS = ("RunEnded", "RunFailed")
_DRAIN_CODES = {signal.SIGTERM.name: DRAINED, signal.SIGINT.name: INTERRUPTED}


@dataclass(frozen=True)
class PastRun:
    """A run, as its log has it.

    Attributes
    ----------
    id : str
        The name of its log.
    started : datetime
        When, by the clock of its machine.
    seconds : float
        From its first line to its last.
    command, host : str
        What ran and where; empty in logs of release 0.1.
    arguments : str
        What followed the command; empty in logs of earlier releases.
    pid : int
        The process there; 0 in logs of release 0.1.
    exit_code : int or None
        None where the log has no end: the run is at work, or was killed.
    error : str
        What it ended with; empty where it ended well.
    committed, quarantined : int
        Shards that it committed, and rows and recordings that it quarantined.
    """

    id: str
    started: datetime
    seconds: float
    command: str
    host: str
    pid: int
    exit_code: int | None
    error: str
    committed: int
    quarantined: int
    arguments: str = ""


def as_json(run: PastRun, held: Held | None) -> dict[str, Json]:
    """Return a run as JSON, with its state beside the store's holder of now."""
    return {**asdict(run), "state": state_of(run, held), "started": run.started.isoformat()}


def is_end(fields: Mapping[str, Any]) -> bool:
    """Whether a line of a log is the last one of its run."""
    return fields.get("event") in _ENDS


def past_runs(storage: Storage, last: int) -> list[PastRun]:
    """Return the last runs on a store, the latest first; every line of their logs is read."""
    runs = reversed(logged_runs(storage)[-last:])
    return [past_run(run, read_log(storage, run)) for run in runs]


def last_run(storage: Storage) -> PastRun | None:
    """Return the latest run; of its log the first and the last part are read, so counts are 0."""
    runs = logged_runs(storage)
    if not runs:
        return None
    parts = log_parts(storage, runs[-1])
    ends = dict.fromkeys((*parts[:1], *parts[-1:]))
    lines = (fields for path in ends for fields in read_part(storage, path))
    return replace(past_run(runs[-1], lines), committed=0, quarantined=0)


def state_of(run: PastRun, held: Held | None, now: float | None = None) -> str:
    """Return a run's exit code as text, or what is known of one that has none.

    Parameters
    ----------
    run : PastRun
        The run.
    held : Held or None
        Who holds the store now.
    now : float, optional
        Seconds since 1970 as the storage counts them; by default as this machine does.

    Returns
    -------
    str
        The exit code; ``at work`` while the run holds the store; ``silent`` if it holds that, and
        gave no sign of life for twice the time after which it counts as dead; else ``no end``: it
        was killed, or waits for the store.
    """
    if run.exit_code is not None:
        return str(run.exit_code)
    if held is None or (held.holder.host, held.holder.pid) != (run.host, run.pid):
        return "no end"
    now = time.time() if now is None else now
    silent = held.beat is not None and now - held.beat > 2 * held.holder.seconds
    return "silent" if silent else "at work"


def past_run(run: str, lines: Iterable[Mapping[str, Any]]) -> PastRun:
    """Return what the lines of a run's log amount to.

    Parameters
    ----------
    run : str
        The id, which begins with the start of the run.
    lines : iterable of mapping
        In order.
    """
    started = _stamp(run)
    times = [started]
    facts: dict[str, Any] = {"command": "", "host": "", "pid": 0, "arguments": ""}
    exit_code, error, drained = None, "", OK
    committed = quarantined = 0
    for fields in lines:
        times.append(datetime.fromisoformat(fields["time"]))
        match fields.get("event"):
            case "RunStarted":
                facts |= {name: fields[name] for name in facts if name in fields}
            case "ShardCommitted":
                committed += 1
                quarantined += fields["summary"]["quarantined"]
            case "HarvestProgressed" if fields["ended"]:
                # Release 0.1 called it otherwise.
                refused = fields.get("quarantined", fields.get("refused", {}))
                quarantined += sum(refused.values())
            case "DrainRequested":
                drained = _DRAIN_CODES.get(fields["signal"], DRAINED)
            case "RunEnded":
                exit_code = fields.get("exit_code", drained)
            case "RunFailed":
                exit_code, error = fields["exit_code"], fields["error"]
    seconds = (times[-1] - times[min(1, len(times) - 1)]).total_seconds()
    return PastRun(
        id=run,
        started=times[min(1, len(times) - 1)],
        seconds=seconds,
        exit_code=exit_code,
        error=error,
        committed=committed,
        quarantined=quarantined,
        **facts,
    )


def _stamp(run: str) -> datetime:
    return datetime.strptime(run[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
