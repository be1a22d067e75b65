"""Take the recordings of a source into a store: their bytes as they are, and their rights."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import BinaryIO

from hdfs_jobs.errors import InfrastructureError
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import is_remote
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.catalog.content import blocks, content_sha1, declared_seconds, raw_path
from nsynth_batch.sources.catalog_writer import Harvest, Ledger
from nsynth_batch.sources.folder import printable
from nsynth_batch.sources.source import Offer, Source


def harvest(
    source: Source,
    open_store: Callable[[], Storage],
    *,
    on_progress: Callable[[Harvest], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> Harvest:
    """Take what a source offers into a store, and write down its rights.

    Recordings on HDFS stay where they are; all others are copied.

    Content that the store has is read to know it by its SHA-1 and not copied again. A harvest
    that ends half way is completed by the next one.

    Rights are only replaced by rights: see `Ledger`.

    Parameters
    ----------
    source : Source
        Where recordings come from.
    open_store : callable
        Gives the storage of the store; called once the source has shown what it has, so that no
        store is made for a source that has nothing.
    on_progress : callable
        Hears the counts after each recording.
    stop : threading.Event, optional
        Set to end it after the recording at hand.

    Returns
    -------
    Harvest

    Raises
    ------
    InfrastructureError
        If a file changes while it is copied.
    """
    offers = source.offers()
    storage = open_store()
    report = Harvest(other_files=source.other_files, notes=source.notes)
    ledger = Ledger(storage, report)
    for offer in offers:
        if stop is not None and stop.is_set():
            report.drained = True
            break
        if (row := _take(offer, storage, ledger, report)) is not None:
            ledger.add(row)
        on_progress(report)
    ledger.save()
    return report


def preview(source: Source) -> tuple[Harvest, float]:
    """Count what a source offers and add up the seconds that the headers declare."""
    report, seconds = Harvest(), 0.0
    for offer in source.offers():
        report.found += 1
        report.bytes += offer.size
        report.without_rights += not offer.rights.known
        with offer.storage.open(offer.path) as stream:
            seconds += declared_seconds(stream) or 0.0
    report.other_files, report.notes = source.other_files, source.notes
    return report, seconds


def _take(offer: Offer, storage: Storage, ledger: Ledger, report: Harvest) -> Recording | None:
    with offer.storage.open(offer.path) as stream:
        file_id = content_sha1(stream)
        if ledger.refuses(file_id, offer.rights.page_url):
            return None
        stream.seek(0)
        known = ledger.place(file_id)
        target = _place(offer, known, file_id)
        if target == offer.url:
            is_new = known is None
        elif is_new := not storage.exists(target):
            _copy(stream, storage, target, file_id)
        if is_new:
            report.added += 1
            report.bytes += offer.size
        stream.seek(0)
        duration = declared_seconds(stream)
    rights = offer.rights
    return Recording(
        file_id=file_id,
        title=rights.title,
        page_url=rights.page_url,
        raw_url=target,
        author=rights.author,
        licence=rights.licence,
        licence_url=rights.licence_url,
        attribution=rights.attribution,
        categories=offer.categories,
        duration=duration,
        revision=None,
        retrieved_at=datetime.now(UTC),
        source_path=printable(offer.path),
    )


def _place(offer: Offer, known: str | None, file_id: str) -> str:
    """Give where a recording's bytes are to be: what the store has itself stands."""
    if known is not None and not is_remote(known):
        # The same content under another suffix has a place already.
        return known
    return offer.url or raw_path(file_id, offer.path)


def _copy(stream: BinaryIO, storage: Storage, target: str, file_id: str) -> None:
    digest = hashlib.sha1(usedforsecurity=False)
    try:
        with storage.create(target) as copy:
            for block in blocks(stream):
                digest.update(block)
                copy.write(block)
            if digest.hexdigest() != file_id:
                raise InfrastructureError(
                    f"{getattr(stream, 'name', target)} changed while it was copied: harvest again"
                )
    except FileExistsError:
        # Another harvest stored the same content meanwhile.
        return
