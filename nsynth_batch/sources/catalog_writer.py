"""The rows that a harvest writes to the catalog."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from hdfs_jobs.storage.base import Storage
from nsynth_batch.catalog.catalog import Catalog, Recording
from nsynth_batch.sources.counts import Harvest
from sequencer.rights.claims import agree, claim_key, lacks_author, stricter

_ROWS_A_FILE = 1000
_SECONDS_A_FILE = 60.0
_NAMED = 5
"""How many recordings a note names."""


class CatalogWriter:
    """Takes a recording after the other, and keeps the catalog up with them.

    Rights are only replaced by rights: a recording whose licence is known keeps its row when the
    same content is offered without one. Where several claim different rights in one content, the
    stricter hold, in whatever order they come; but a later row of one file, or of one page of
    a wiki, replaces the earlier row. Where rights of several sources are joined, each claim stays
    in the catalog as a row of its own before the joined one, and is replaced alone.

    Parameters
    ----------
    storage : Storage
        The store's.
    report : Harvest
        What is counted.
    owns : callable
        Whether a recording of the catalog came from the source that is harvested, which offers
        it again if it still has it.

    Attributes
    ----------
    known
        What the catalog has from before.
    seen
        Where the bytes are of what was added so far, by file id: there may be a million of them.
    """

    def __init__(
        self,
        storage: Storage,
        report: Harvest,
        owns: Callable[[Recording], bool] = lambda row: False,
    ) -> None:
        self._catalog = Catalog(storage)
        self._report = report
        self._owns = owns
        self._without_rights: dict[str, Recording] = {}
        self._claims: dict[str, int] = {}
        self._rivals: dict[str, list[Recording]] = {}
        self._disputed: set[str] = set()
        self._without_author: set[str] = set()
        self._names: list[str] = []
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
        """Take the row of a recording from its source."""
        self._report.found += 1
        self._report.duplicates += row.file_id in self.seen
        self._count_author(row)
        if row.rights().known:
            self._add_claim(row)
        elif row.file_id not in self.seen:
            self._add_unknown(row)

    def mark_deleted(self, file_id: str) -> None:
        """Take a recording out of use: its source no longer has it."""
        self._report.deleted += 1
        self._write(replace(self.known[file_id], deleted=True, retrieved_at=datetime.now(UTC)))

    def finish(self, *, complete: bool = True) -> None:
        """Decide between rights that contradict each other, and write what was not written yet.

        Parameters
        ----------
        complete : bool
            Whether the source offered all it has.
        """
        self.save()
        if self._rivals:
            # Rows that were written meanwhile are not kept in memory: read them once.
            recordings = self._catalog.recordings()
            for file_id, rows in self._rivals.items():
                latest = recordings[file_id]
                before = list(recordings.history(file_id)) if latest.joined else [latest]
                self._decide(rows, latest, self._standing(before, rows, complete))
            self._rivals = {}
            self.save()
        self._report.without_author = len(self._without_author)
        if self._report.contradictions:
            more = self._report.contradictions - len(self._names)
            self._report.notes += (
                "rights in the same content contradict each other, so the stricter hold: "
                + "; ".join(self._names)
                + (f"; and {more} more" if more else ""),
            )

    def save(self) -> None:
        """Write the rows that were not written yet."""
        self._catalog.append(self._waiting)
        self._waiting = []
        self._saved_at = time.monotonic()

    def _add_unknown(self, row: Recording) -> None:
        old = self.known.get(row.file_id)
        row = _without_loss(row, old)
        self.seen[row.file_id] = row.raw_url
        self._without_rights[row.file_id] = row
        self._report.without_rights += not row.rights().known
        self._write_change(row, old)

    def _add_claim(self, row: Recording) -> None:
        file_id, key = row.file_id, hash(claim_key(row.rights()))
        if file_id in self._claims:
            if self._claims[file_id] != key or file_id in self._rivals:
                self._rivals.setdefault(file_id, []).append(row)
            return
        self._claims[file_id] = key
        self.seen[file_id] = row.raw_url
        first, old = self._without_rights.pop(file_id, None), self.known.get(file_id)
        self._report.without_rights -= first is not None and not first.rights().known
        known = old if old is not None and old.rights().known else None
        if known and (known.joined or not agree(known.rights(), row.rights())):
            self._disputed.add(file_id)
            self._rivals[file_id] = [row]
            return
        was_updated = first is not None and not first.same_as(old)
        self._write_change(row, first or old, counts=old is not None and not was_updated)

    def _write_change(self, row: Recording, last: Recording | None, counts: bool = True) -> None:
        """Write a row unless it equals the last one."""
        if row.same_as(last):
            return
        # That a store of before learns which folder a recording is from is no change of it.
        moved = last is not None and row.same_as(replace(last, source=row.source))
        self._report.updated += counts and last is not None and not moved
        self._write(row)

    def _standing(
        self, before: Sequence[Recording], rows: Sequence[Recording], complete: bool
    ) -> list[Recording]:
        """Return the claims from before that newer rows of the same content do not replace."""
        by_place = {_place(row): row for row in before if not row.joined}
        return [
            old
            for old in by_place.values()
            if old.file_id not in self._disputed
            or not (any(_replaces(row, old) for row in rows) or (complete and self._owns(old)))
        ]

    def _decide(
        self, rows: Sequence[Recording], latest: Recording, standing: Sequence[Recording]
    ) -> None:
        """Write what holds of several claims in one content."""
        claims = [*standing, *rows]
        rights = stricter([row.rights() for row in claims])
        by_path = sorted(claims, key=lambda row: (row.source_path or "", row.page_url))
        holding = next((row for row in by_path if row.rights() == rights), None)
        joined = holding is None and bool(standing) and latest.file_id in self._disputed
        if holding is None:
            holding = latest if latest.joined else by_path[0]
        # A withdrawn copy is no place to find the content at, though its claim counts.
        holding = (rows[0] if holding.deleted else holding).with_rights(rights)
        holding = replace(holding, joined=joined)
        if lacks_author(rights):
            self._without_author.add(latest.file_id)
        else:
            self._without_author.discard(latest.file_id)
        if not all(agree(row.rights(), claims[0].rights()) for row in claims):
            self._report.contradictions += 1
            if len(self._names) < _NAMED:
                claimed = (f"{row.source_path or row.title} {row.licence}" for row in by_path)
                self._names.append(f"{', '.join(dict.fromkeys(claimed))} ({rights.licence} holds)")
        if holding.same_as(latest):
            return
        if joined:
            for row in rows:
                self._write(row)
        self._report.updated += latest.file_id in self.known
        self._write(replace(holding, retrieved_at=datetime.now(UTC)))

    def _count_author(self, row: Recording) -> None:
        if lacks_author(row.rights()):
            self._without_author.add(row.file_id)

    def _write(self, row: Recording) -> None:
        self._waiting.append(row)
        late = time.monotonic() - self._saved_at >= _SECONDS_A_FILE
        if late or len(self._waiting) == _ROWS_A_FILE:
            self.save()


def _place(row: Recording) -> tuple[str | None, ...]:
    """Return what is equal for rows of the same page or file."""
    return (row.page_url,) if row.revision is not None else (row.source, row.source_path)


def _replaces(row: Recording, old: Recording) -> bool:
    """Whether a row is from the same page or file as an older one, and so replaces it."""
    if row.revision is not None and old.revision is not None:
        return row.page_url == old.page_url
    same_source = old.source is None or old.source == row.source
    return same_source and old.revision is None and row.source_path == old.source_path


def _without_loss(row: Recording, old: Recording | None) -> Recording:
    """Return the row that is to stand: known rights are not given up for unknown ones."""
    if old is None or row.rights().known:
        return row
    known_before = old.rights().known
    if row.revision is not None and (row.page_url == old.page_url or not known_before):
        return row
    # What a wiki knows no licence of is not free because a copy lies in a folder.
    if not known_before and old.revision is None:
        return row
    return replace(old, raw_url=row.raw_url, retrieved_at=row.retrieved_at, deleted=False)
