"""The log of a run in its store: JSON lines, in parts that are whole as soon as they are seen."""

from __future__ import annotations

import json
import threading
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
    """Return a line of a log: the time, which is now, then the fields."""
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
        How long lines wait at most for others to share a part with; 0 for not at all.
    """

    def __init__(self, storage: Storage, flush_seconds: float = FLUSH_SECONDS) -> None:
        now = datetime.now(UTC)
        # Runs of one second, too, sort by their start.
        own = f"{now.microsecond // 1000:03}{uuid.uuid4().hex[:9]}"
        self.path = f"{LOGS}/{now:%Y%m%dT%H%M%SZ}-{own}"
        self.trouble: OSError | None = None
        self._storage = storage
        self._flush_seconds = flush_seconds
        self._lines: list[str] = []
        self._parts = 0
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def write(self, line: str) -> None:
        """Add a line, as `json_line` makes them."""
        with self._lock:
            self._lines.append(line)
            if self._flush_seconds and self._timer is None:
                # A run may do one thing for hours: the next line must not be waited for.
                self._timer = threading.Timer(self._flush_seconds, self.flush)
                self._timer.daemon = True
                self._timer.start()
        if not self._flush_seconds:
            self.flush()

    def flush(self) -> None:
        """Store the lines that wait."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
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
