"""The copy that a store keeps of all that a run tells."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from hdfs_jobs.canonical_json import Json
from hdfs_jobs.runs.log import RunLog, record
from hdfs_jobs.storage.base import Storage
from nsynth_batch.errors import failure
from nsynth_batch.reporting.events import Told
from nsynth_batch.reporting.terminal import Relay, Report


class LoggedReport(Relay):
    """Another report, with a copy of all that it is told in the store's log.

    Parameters
    ----------
    report : Report
        Who is told as well.
    started : mapping
        What the first line of the log says of the run.
    """

    def __init__(self, report: Report, started: Mapping[str, Json]) -> None:
        super().__init__(report)
        self._log: RunLog | None = None
        # What happens before there is a store.
        self._early: list[dict[str, Json]] = [{"event": "RunStarted", **started}]

    def log_to(self, storage: Storage) -> None:
        """Begin the log in a store."""
        self._log = RunLog(storage)
        for fields in self._early:
            self._log.write(fields)
        self._early.clear()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write how the run ended."""
        if error is not None:
            failed = failure(error)
            self._write(
                {"event": "RunFailed", "exit_code": failed.exit_code, "error": failed.message}
            )
        else:
            self._write({"event": "RunEnded"})
        if self._log is not None:
            self._log.flush()
            if self._log.trouble is not None and error is None:
                self._report.say(f"the log of this run could not be stored: {self._log.trouble}")
        super().__exit__(kind, error, trace)

    def say(self, line: str) -> None:
        """Pass a note on, and keep it."""
        super().say(line)
        self._write({"event": "Note", "text": line})

    def __call__(self, event: Told) -> None:
        """Pass an event on, and keep it."""
        super().__call__(event)
        self._write(record(event))

    def _write(self, fields: dict[str, Json]) -> None:
        if self._log is None:
            self._early.append(fields)
        else:
            self._log.write(fields)
