"""Take the recordings of a source into a store: their bytes as they are, and their rights."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import BinaryIO

from hdfs_jobs.errors import BadInput, InfrastructureError
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import is_remote
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.catalog.content import (
    blocks,
    content_sha1,
    declared_seconds,
    raw_path,
    store_content,
)
from nsynth_batch.sources.catalog_writer import CatalogWriter
from nsynth_batch.sources.counts import Harvest
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

    Rights are only replaced by rights: see `CatalogWriter`.

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
    catalog = CatalogWriter(storage, report)
    for offer in offers:
        if stop is not None and stop.is_set():
            report.drained = True
            break
        if (row := _take(offer, storage, catalog, report)) is not None:
            catalog.add(row)
        on_progress(report)
    catalog.save()
    return report


def _take(
    offer: Offer, storage: Storage, catalog: CatalogWriter, report: Harvest
) -> Recording | None:
    with offer.storage.open(offer.path) as stream:
        file_id = content_sha1(stream)
        if catalog.refuses(file_id, offer.rights.page_url):
            return None
        known = catalog.raw_url(file_id)
        raw_url = _raw_url(offer, known, file_id)
        if raw_url == offer.url:
            is_new = known is None
        elif is_new := not storage.exists(raw_url):
            stream.seek(0)
            _copy(stream, storage, raw_url, file_id)
        if is_new:
            report.added += 1
            report.bytes += offer.size
        stream.seek(0)
        duration = declared_seconds(stream)
    return Recording.from_rights(
        offer.rights,
        file_id=file_id,
        raw_url=raw_url,
        categories=offer.categories,
        duration=duration,
        revision=None,
        retrieved_at=datetime.now(UTC),
        source_path=printable(offer.path),
    )


def _raw_url(offer: Offer, known: str | None, file_id: str) -> str:
    """Return where a recording's bytes are to be: what the store has itself stands."""
    if known is not None and not is_remote(known):
        # The same content under another suffix has a path already.
        return known
    return offer.url or raw_path(file_id, offer.path)


def _copy(stream: BinaryIO, storage: Storage, path: str, file_id: str) -> None:
    try:
        store_content(storage, path, blocks(stream), file_id)
    except BadInput as error:
        raise InfrastructureError(
            f"{getattr(stream, 'name', path)} changed while it was copied: harvest again"
        ) from error
