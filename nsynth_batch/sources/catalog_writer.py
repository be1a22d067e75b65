"""The rows that a harvest writes to the catalog."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

from hdfs_jobs.storage.base import Storage
from nsynth_batch.catalog.catalog import Catalog, Recording
from nsynth_batch.sources.counts import Harvest

_ROWS_A_FILE = 1000
_SECONDS_A_FILE = 60.0


class CatalogWriter:
    """Takes a recording after the other, and keeps the catalog up with them.

    Rights are only replaced by rights: a recording whose licence is known keeps its row when the
    same content is offered without one; but what the same page of a wiki says later stands.

    Parameters
    ----------
    storage : Storage
        The store's.
    report : Harvest
        What is counted.

    Attributes
    ----------
    known
        What the catalog has from before.
    seen
        Where the bytes are of what was added so far, by file id: there may be a million of them.
    """

    def __init__(self, storage: Storage, report: Harvest) -> None:
        self._catalog = Catalog(storage)
        self._report = report
        self._without_rights: dict[str, Recording] = {}
        self._waiting: list[Recording] = []
        self._saved_at = time.monotonic()
        self.known = self._catalog.recordings()
        self.seen: dict[str, str] = {}

    def raw_url(self, file_id: str) -> str | None:
        """Return where the catalog has the bytes of a recording; its suffix may be another."""
        if file_id in self.seen:
            return self.seen[file_id]
        return self.known[file_id].raw_url if file_id in self.known else None

    def refuses(self, file_id: str, page_url: str) -> bool:
        """Whether a recording was forgotten, and count it where it was."""
        forgotten = self.known.forgotten.covers(file_id, page_url)
        self._report.found += forgotten
        self._report.forgotten += forgotten
        return forgotten

    def add(self, row: Recording) -> None:
        """Take what a source says of a recording."""
        report, file_id = self._report, row.file_id
        old, first = self.known.get(file_id), self._without_rights.get(file_id)
        is_new = file_id not in self.seen
        has_rights = row.rights().known
        report.found += 1
        report.duplicates += not is_new
        if is_new or (has_rights and first is not None):
            row = _without_loss(row, old)
            self.seen[file_id] = row.raw_url
            if has_rights:
                self._without_rights.pop(file_id, None)
            else:
                self._without_rights[file_id] = row
            if not row.same_as(first or old):
                report.updated += old is not None and (first is None or first.same_as(old))
                self._write(row)
            lacked = first is not None and not first.rights().known
            report.without_rights += (not row.rights().known) - lacked

    def mark_deleted(self, file_id: str) -> None:
        """Take a recording out of use: its source has it no more."""
        self._report.deleted += 1
        self._write(replace(self.known[file_id], deleted=True, retrieved_at=datetime.now(UTC)))

    def save(self) -> None:
        """Write the rows that were not written yet."""
        self._catalog.append(self._waiting)
        self._waiting = []
        self._saved_at = time.monotonic()

    def _write(self, row: Recording) -> None:
        self._waiting.append(row)
        late = time.monotonic() - self._saved_at >= _SECONDS_A_FILE
        if late or len(self._waiting) == _ROWS_A_FILE:
            self.save()


def _without_loss(row: Recording, old: Recording | None) -> Recording:
    """Return the row that is to stand: what is known of rights is not given up for nothing."""
    if old is None or row.rights().known:
        return row
    told_before = old.rights().known
    if row.revision is not None and (row.page_url == old.page_url or not told_before):
        return row
    # What a wiki knows no licence of is not free because a copy lies in a folder.
    if not told_before and old.revision is None:
        return row
    return replace(old, raw_url=row.raw_url, retrieved_at=row.retrieved_at, deleted=False)
