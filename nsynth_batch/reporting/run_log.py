"""The copy that a store keeps of all events of a run."""

from __future__ import annotations

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.log import RunLog, json_line
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.reporting.events import LeaseTaken, RunEvent, as_json


class StoreLog:
    """A listener that writes each event to the log of the store.

    Events that come before there is a log are kept until then; without a store they are dropped.
    The log's first lines are stored at once, so that a run which is killed leaves a trace.
    """

    def __init__(self) -> None:
        self._log: RunLog | None = None
        self._early: list[str] = []

    def begin(self, url: str) -> None:
        """Begin the log, if the store is there: a run that never gets to hold it is logged too."""
        try:
            storage = Store.open(url).storage
        except UsageError:
            # None yet, or what the run is about to refuse.
            return
        self._begin(storage)

    def __call__(self, event: RunEvent) -> None:
        """Write an event."""
        line = json_line(as_json(event))
        if self._log is not None:
            self._log.write(line)
            return
        self._early.append(line)
        if isinstance(event, LeaseTaken):
            self._begin(open_storage(event.store))

    def flush(self) -> OSError | None:
        """Store the lines that wait; return what kept lines from being stored, or None."""
        if self._log is None:
            return None
        self._log.flush()
        return self._log.trouble

    def _begin(self, storage: Storage) -> None:
        self._log = RunLog(storage)
        for line in self._early:
            self._log.write(line)
        self._early.clear()
        self._log.flush()
