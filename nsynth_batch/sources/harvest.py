"""Take the recordings of a folder into a store: their bytes as they are, and their rights."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import BinaryIO

from hdfs_jobs.errors import BadInput
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import is_remote
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.catalog.content import (
    blocks,
    raw_path,
    sha1,
    store_content,
)
from nsynth_batch.sources.catalog_writer import CatalogWriter
from nsynth_batch.sources.counts import Harvest
from nsynth_batch.sources.folder import MADE_HERE, first_few, printable
from nsynth_batch.sources.quarantine import HarvestQuarantine
from nsynth_batch.sources.selection import (
    CHANGED,
    LeftOutError,
    Selection,
    UnreadableError,
    reading,
)
from nsynth_batch.sources.source import BadRecording, Offer, Source
from nsynth_batch.sources.web.throttle import Stopped
from nsynth_batch.text import one_line

FEW_MISSING = 10
"""So many recordings may be missing of a folder before it is taken for one that is not mounted."""


def harvest(
    source: Source,
    open_store: Callable[[], Storage],
    *,
    on_progress: Callable[[Harvest], None] = lambda _: None,
    stop: threading.Event | None = None,
    accept_missing: bool = False,
) -> Harvest:
    """Take what a folder offers into a store, write down its rights, and withdraw what it lost.

    Recordings on HDFS stay where they are; all others are copied. Content that the store has is
    read to know it by its SHA-1 and not copied again. A harvest that ends half way is completed
    by the next one.

    A recording that cannot be read, or changes meanwhile, is left out with the reason, and the
    others are taken. What the folder gave before and no longer has, or not with this content, is
    marked as deleted, unless so much is missing that the folder may not be mounted: all of it, or
    more than half and more than `FEW_MISSING`.

    Parameters
    ----------
    source : Source
        Where recordings come from.
    open_store : callable
        Returns the storage of the store; called once the source has shown what it has, so that no
        store is made for a source that has nothing.
    on_progress : callable
        Called with the counts after each recording.
    stop : threading.Event, optional
        Set to end it.
    accept_missing : bool
        Withdraw what is missing however much it is.

    Returns
    -------
    Harvest

    Raises
    ------
    UsageError
        If there is nothing to take.
    OSError
        If the store, or the network, fails.
    """
    stopped = (stop or threading.Event()).is_set
    offers = source.offers(stopped)
    work = _FolderHarvest(source, open_store(), stopped)
    try:
        for offer in offers:
            work.take(offer)
            on_progress(work.report)
    except Stopped:
        work.report.drained = True
    work.report.drained |= stopped()
    work.finish(accept_missing)
    return work.report


class _FolderHarvest:
    """A harvest under way."""

    def __init__(self, source: Source, storage: Storage, stopped: Callable[[], bool]) -> None:
        self.report = Harvest(other_files=source.other_files)
        self._source = source
        self._storage = storage
        self._stopped = stopped
        self._selection = Selection(source)
        self._quarantine = HarvestQuarantine(storage)
        self._unread: set[str] = set()
        self._catalog = CatalogWriter(storage, self.report, self._offers_again)

    def take(self, offer: Offer) -> None:
        """Take a recording, or leave it out with the reason.

        Raises
        ------
        Stopped
            If it was asked to stop.
        """
        name = f"{offer.source}/{printable(offer.path)}"
        try:
            row = self._row(offer)
        except LeftOutError as error:
            self._selection.leave_out(offer, error.reason)
            if error.reason != MADE_HERE:
                self._unread.add(printable(offer.path))
            return
        except UnreadableError as error:
            self.report.found += 1
            self.report.quarantined[error.bad.reason] += 1
            self._quarantine.add(BadRecording(name, error.bad.reason, one_line(error.bad.detail)))
            self._unread.add(printable(offer.path))
            return
        self._quarantine.settle(name)
        if row is not None:
            self._catalog.add(row)

    def finish(self, accept_missing: bool) -> None:
        """Withdraw what the source no longer has, and write what was not written yet."""
        report, source = self.report, self._source
        if not report.drained:
            self._withdraw(accept_missing)
        self._catalog.finish(complete=not report.drained)
        self._quarantine.save()
        report.skipped = self._selection.skipped
        report.notes = (*source.notes, *self._selection.notes(), *report.notes)

    def _row(self, offer: Offer) -> Recording | None:
        """Read a recording whole for its SHA-1, and again while it is copied.

        Both are compared, so that a file that changes meanwhile is found; the disk is cheap, and
        the second time its cache answers.
        """
        remote = offer.url is not None
        with reading(remote):
            stream = offer.open()
        with stream:
            with reading(remote):
                header = self._selection.header(offer, stream)
                stream.seek(0)
                file_id = sha1(self._blocks(stream, remote))
            if self._catalog.refuses(file_id, offer.rights.page_url):
                return None
            known = self._catalog.raw_url(file_id)
            raw_url = _raw_url(offer, known, file_id)
            is_new = known is None if raw_url == offer.url else not self._storage.exists(raw_url)
            if is_new and raw_url != offer.url:
                self._copy(stream, raw_url, file_id)
        if is_new:
            self.report.added += 1
            self.report.bytes += offer.size
        return Recording.from_rights(
            offer.rights,
            file_id=file_id,
            raw_url=raw_url,
            categories=offer.categories,
            duration=header.seconds,
            revision=None,
            retrieved_at=datetime.now(UTC),
            source_path=printable(offer.path),
            source=offer.source,
        )

    def _copy(self, stream: BinaryIO, path: str, file_id: str) -> None:
        with reading():
            stream.seek(0)
        try:
            store_content(self._storage, path, self._blocks(stream, False), file_id)
        except BadInput as error:
            raise LeftOutError(CHANGED) from error

    def _blocks(self, stream: BinaryIO, remote: bool) -> Iterator[bytes]:
        """Yield the content of a source; what the store raises while it is written is its own."""
        content = blocks(stream)
        while True:
            if self._stopped():
                raise Stopped
            with reading(remote):
                block = next(content, b"")
            if not block:
                return
            yield block

    def _offers_again(self, row: Recording) -> bool:
        """Whether the source gave a recording, and offers it again if it still has it."""
        path = self._source.path_of(row)
        return path is not None and path not in self._unread and self._source.has(path) is not None

    def _withdraw(self, accept_missing: bool) -> None:
        catalog, source = self._catalog, self._source
        replaced: list[Recording] = []
        missing: list[Recording] = []
        given = 0
        for row in catalog.known.current():
            path = source.path_of(row)
            if path is None:
                continue
            given += 1
            there = source.has(path)
            if row.file_id in catalog.seen or path in self._unread or there is None:
                continue
            (replaced if there else missing).append(row)
        few = len(missing) <= max(FEW_MISSING, given // 2) and len(missing) < given
        if missing and not few and not accept_missing:
            self.report.notes += (
                f"{len(missing)} of the {given} recordings that this folder gave before are "
                f"missing, and none of them is withdrawn: {_first_few_of(missing)}; a folder "
                "looks like this when its disk is not mounted: if they were taken away, harvest "
                "it once with --accept-missing",
            )
            missing = []
        for row in (*replaced, *missing):
            catalog.mark_deleted(row.file_id)
        for what, rows in (("replaced", replaced), ("missing", missing)):
            if rows:
                self.report.notes += (f"withdrawn because {what}: {_first_few_of(rows)}",)


def _raw_url(offer: Offer, known: str | None, file_id: str) -> str:
    """Return where a recording's bytes are to be: what the store has itself stands."""
    if known is not None and not is_remote(known):
        # The same content under another suffix has a path already.
        return known
    return offer.url or raw_path(file_id, offer.path)


def _first_few_of(rows: Sequence[Recording]) -> str:
    return first_few([row.source_path or row.title for row in rows])
