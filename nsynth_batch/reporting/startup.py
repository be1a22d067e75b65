"""How long runs took to get to work: what their stages took beyond the work on their shards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hdfs_jobs.runs.log_reader import logged_runs, read_log
from hdfs_jobs.storage.base import Storage

_LOOKED_AT = 10
_TROUBLE = frozenset({"ShardRetried", "ShardFailed", "WorkerLost", "WorkersAwaited"})


@dataclass(frozen=True)
class Startup:
    """What a run took beyond its shards: workers that start, imports, models that are loaded.

    Attributes
    ----------
    run : str
        Its id.
    seconds : float
        Over all of its stages.
    """

    run: str
    seconds: float


def measured_startup(storage: Storage, *, scheduler: bool) -> Startup | None:
    """Return the start-up of the latest run that did something, undisturbed.

    Parameters
    ----------
    storage : Storage
        The store's.
    scheduler : bool
        Whether it was on workers that are there already: others have to be started.

    Returns
    -------
    Startup or None
        None if none of the last runs was such a one.
    """
    for run in reversed(logged_runs(storage)[-_LOOKED_AT:]):
        seconds = startup_of(read_log(storage, run), scheduler=scheduler)
        if seconds is not None:
            return Startup(run, seconds)
    return None


def startup_of(lines: Iterable[Mapping[str, Any]], *, scheduler: bool) -> float | None:
    """Return the start-up of a run by the lines of its log; None if they do not tell."""
    seconds: float | None = None
    work: dict[str, dict[str, float]] = {}
    for fields in lines:
        event = fields.get("event")
        if event in _TROUBLE:
            return None
        if event == "RunStarted" and scheduler != bool(fields["settings"].get("scheduler")):
            return None
        if event == "ShardCommitted" and fields.get("worker"):
            of_workers = work.setdefault(fields["name"], {})
            took = fields["summary"]["wall_seconds"]
            of_workers[fields["worker"]] = of_workers.get(fields["worker"], 0.0) + took
        if event == "StageFinished" and fields["name"] in work:
            # The worker with the most work was at it for so long at least.
            longest = max(work[fields["name"]].values())
            seconds = (seconds or 0.0) + max(0.0, fields["wall_seconds"] - longest)
    return seconds
