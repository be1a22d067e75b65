"""The log of a run in its store: JSON lines, in parts that are whole as soon as they are seen."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hdfs_jobs.canonical_json import Json
from hdfs_jobs.runs.events import StageFinished
from hdfs_jobs.storage.base import Storage

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LOGS = "runs/logs"
FLUSH_SECONDS = 30.0


def record(event: DataclassInstance) -> dict[str, Json]:
    """Return an event as JSON: its kind under ``event``, then its fields."""
    fields: dict[str, Json] = asdict(event)
    if isinstance(event, StageFinished):
        fields = asdict(event.outcome)
    return {"event": type(event).__name__, **fields}


def json_line(fields: Mapping[str, Json]) -> str:
    """Return a line of a log: the time, then the fields."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"time": now, **fields}, ensure_ascii=False) + "\n"


class RunLog:
    """What a run did, line by line.

    Files of HDFS cannot be read while they grow on every release, so a log is a folder of parts,
    ``runs/logs/<start>-<id>/<number>.jsonl``; a driver that is killed loses the lines since the
    last part at most. A log is for people: where it cannot be written, the run goes on.

    Parameters
    ----------
    storage : Storage
        The store's.
    flush_seconds : float
        How long lines wait for a part of their own.
    """

    def __init__(self, storage: Storage, flush_seconds: float = FLUSH_SECONDS) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        self.path = f"{LOGS}/{stamp}-{uuid.uuid4().hex[:12]}"
        self.trouble: OSError | None = None
        self._storage = storage
        self._flush_seconds = flush_seconds
        self._lines: list[str] = []
        self._parts = 0
        self._flushed = time.monotonic()

    def write(self, fields: Mapping[str, Json]) -> None:
        """Add a line."""
        self._lines.append(json_line(fields))
        if time.monotonic() - self._flushed >= self._flush_seconds:
            self.flush()

    def flush(self) -> None:
        """Store the lines that wait."""
        self._flushed = time.monotonic()
        if not self._lines:
            return
        data = "".join(self._lines).encode()
        try:
            self._storage.publish(f"{self.path}/{self._parts:06d}.jsonl", data)
        except OSError as error:
            self.trouble = error
        else:
            self._parts += 1
            self._lines.clear()
