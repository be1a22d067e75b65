"""The copy that a store keeps of all events of a run."""

from __future__ import annotations

from hdfs_jobs.runs.log import RunLog
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.reporting.events import LeaseTaken, RunEvent, as_json


class StoreLog:
    """A listener that writes each event to the log of the store, once the run holds that.

    Events that come before are kept until then; without a store they are dropped.
    """

    def __init__(self) -> None:
        self._log: RunLog | None = None
        self._early: list[RunEvent] = []

    def __call__(self, event: RunEvent) -> None:
        """Write an event."""
        if self._log is None and isinstance(event, LeaseTaken):
            self._log = RunLog(open_storage(event.store))
            for early in self._early:
                self._log.write(as_json(early))
            self._early.clear()
        if self._log is None:
            self._early.append(event)
        else:
            self._log.write(as_json(event))

    def flush(self) -> OSError | None:
        """Store the lines that wait; return what kept lines from being stored, or None."""
        if self._log is None:
            return None
        self._log.flush()
        return self._log.trouble
