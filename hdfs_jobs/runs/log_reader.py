"""Reads the logs that runs left in a store, also while they are written."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.log import LOGS
from hdfs_jobs.storage.base import Storage

FOLLOW_SECONDS = 2.0


def logged_runs(storage: Storage) -> list[str]:
    """Return the ids of the runs that have a log, the oldest first.

    An id is the name of the log's folder, ``<start>-<id>``, so that they sort by their start.
    """
    return sorted(entry.name for entry in storage.list(LOGS) if entry.is_dir)


def find_run(storage: Storage, name: str | None) -> str:
    """Return the id of the run that a name means.

    Parameters
    ----------
    storage : Storage
        The store's.
    name : str or None
        An id, or a part of it that no other run has; None is the last run.

    Raises
    ------
    UsageError
        No run is meant, or several are.
    """
    known = logged_runs(storage)
    if not known:
        raise UsageError(f"{storage.url} has no log of a run yet")
    if name is None:
        return known[-1]
    found = [run for run in known if name in run]
    if name not in found and len(found) != 1:
        what = f"{len(found)} runs are like this" if found else "no such run"
        raise UsageError(f"{name}: {what}; `runs` lists them, the last is {known[-1]}")
    return name if name in found else found[0]


def log_parts(storage: Storage, run: str) -> list[str]:
    """Return the paths of the parts of a run's log, in order."""
    parts = (entry.path for entry in storage.list(f"{LOGS}/{run}") if not entry.is_dir)
    return sorted(path for path in parts if path.endswith(".jsonl"))


def read_part(storage: Storage, path: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of a part of a log: ``time``, ``event``, and the event's fields.

    Raises
    ------
    UsageError
        A line is no JSON object.
    """
    for number, line in enumerate(storage.read_bytes(path).splitlines(), 1):
        try:
            fields = json.loads(line)
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise UsageError(
                f"{storage.url}/{path}: line {number} is no JSON object; it is damaged"
            )
        yield fields


def read_log(storage: Storage, run: str) -> Iterator[dict[str, Any]]:
    """Yield every line of a run's log that is stored by now."""
    for path in log_parts(storage, run):
        yield from read_part(storage, path)


def follow_log(
    storage: Storage,
    run: str,
    is_end: Callable[[dict[str, Any]], bool],
    stop: threading.Event | None = None,
    seconds: float = FOLLOW_SECONDS,
) -> Iterator[dict[str, Any]]:
    """Yield the lines of a run's log, and those that come, until its end or `stop`.

    Parameters
    ----------
    storage : Storage
        The store's.
    run : str
        The id.
    is_end : callable
        Whether no line follows on one.
    stop : threading.Event, optional
        Ends the wait for more.
    seconds : float
        Between two looks.
    """
    stop = stop or threading.Event()
    seen = 0
    while True:
        parts = log_parts(storage, run)
        for path in parts[seen:]:
            for fields in read_part(storage, path):
                yield fields
                if is_end(fields):
                    return
        seen = len(parts)
        if stop.wait(seconds):
            return
