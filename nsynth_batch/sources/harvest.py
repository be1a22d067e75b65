"""Take the recordings of a source into a store: their bytes as they are, and their rights."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import BinaryIO

from hdfs_jobs.backend import Storage
from hdfs_jobs.errors import InfrastructureError
from nsynth_batch.sources.catalog import Catalog, Recording
from nsynth_batch.sources.folder import printable
from nsynth_batch.sources.source import Offer, Source
from sequencer.audio import open_recording
from sequencer.errors import AudioError

RAW = "raw"
_BLOCK_BYTES = 1 << 20
_ROWS_A_FILE = 1000


@dataclass
class Harvest:
    """What a harvest found and did, in recordings unless it says otherwise.

    Attributes
    ----------
    found
        Recordings that the source offered.
    added, bytes
        Those whose content is new to the store, and their size.
    updated
        Those that the store had and whose rights or title changed.
    duplicates
        Those whose content another one of the same source has; the first one stands, but for
        one without a known licence.
    without_rights
        Those that are left with no known licence, duplicates not counted again; in a preview,
        which reads no content, all that are offered without one.
    other_files
        Files that are no recordings.
    notes
        What a person should know of the source, a sentence each.
    drained
        Whether it was asked to stop before it was through.
    """

    found: int = 0
    added: int = 0
    bytes: int = 0
    updated: int = 0
    duplicates: int = 0
    without_rights: int = 0
    other_files: int = 0
    notes: tuple[str, ...] = ()
    drained: bool = False


def harvest(
    source: Source,
    open_store: Callable[[], Storage],
    *,
    on_progress: Callable[[Harvest], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> Harvest:
    """Copy what a source offers to a store, and write down its rights.

    Content that the store has is read to know it by its SHA-1 and not copied again. A harvest
    that ends half way is completed by the next one.

    Rights are only replaced by rights: a recording whose licence is known keeps its row when the
    same content is offered without one.

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
    catalog = Catalog(storage)
    known = catalog.recordings()
    seen: dict[str, Recording] = {}
    given_rights: set[str] = set()
    waiting: list[Recording] = []
    for offer in offers:
        if stop is not None and stop.is_set():
            report.drained = True
            break
        row = _take(offer, storage, (seen, known), report)
        file_id = row.file_id
        old, first = known.get(file_id), seen.get(file_id)
        report.found += 1
        report.duplicates += first is not None
        if first is None or (offer.rights.known and file_id not in given_rights):
            row = _without_loss(row, old)
            seen[file_id] = row
            if offer.rights.known:
                given_rights.add(file_id)
            if not row.same_as(first or old):
                report.updated += old is not None and (first is None or first.same_as(old))
                waiting.append(row)
            lacked = first is not None and not first.rights().known
            report.without_rights += (not row.rights().known) - lacked
        if len(waiting) == _ROWS_A_FILE:
            catalog.append(waiting)
            waiting = []
        on_progress(report)
    catalog.append(waiting)
    return report


def preview(source: Source) -> tuple[Harvest, float]:
    """Count what a source offers and add up the seconds that the headers declare."""
    report, seconds = Harvest(), 0.0
    for offer in source.offers():
        report.found += 1
        report.bytes += offer.size
        report.without_rights += not offer.rights.known
        with offer.storage.open(offer.path) as stream:
            seconds += _declared_seconds(stream) or 0.0
    report.other_files, report.notes = source.other_files, source.notes
    return report, seconds


def _take(
    offer: Offer, storage: Storage, had: Sequence[Mapping[str, Recording]], report: Harvest
) -> Recording:
    with offer.storage.open(offer.path) as stream:
        file_id = content_sha1(stream)
        stream.seek(0)
        # The same content under another suffix has a place already.
        places = (rows[file_id].raw_url for rows in had if file_id in rows)
        target = next(places, raw_path(file_id, offer.path))
        if "://" not in target and not storage.exists(target):
            _copy(stream, storage, target, file_id)
            report.added += 1
            report.bytes += offer.size
        stream.seek(0)
        duration = _declared_seconds(stream)
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


def _without_loss(row: Recording, old: Recording | None) -> Recording:
    """Give the row that is to stand: what is known of rights is not given up for nothing."""
    if old is None or row.rights().known or not old.rights().known:
        return row
    return replace(old, raw_url=row.raw_url, retrieved_at=row.retrieved_at, deleted=False)


def content_sha1(stream: BinaryIO) -> str:
    """Give the SHA-1 of what a stream holds from here on, in hex."""
    digest = hashlib.sha1(usedforsecurity=False)
    for block in _blocks(stream):
        digest.update(block)
    return digest.hexdigest()


def raw_path(file_id: str, name: str) -> str:
    """Give the place of a recording's bytes in a store."""
    return f"{RAW}/{file_id[:2]}/{file_id}{PurePosixPath(name).suffix.lower()}"


def _copy(stream: BinaryIO, storage: Storage, target: str, file_id: str) -> None:
    digest = hashlib.sha1(usedforsecurity=False)
    try:
        with storage.create(target) as copy:
            for block in _blocks(stream):
                digest.update(block)
                copy.write(block)
            if digest.hexdigest() != file_id:
                raise InfrastructureError(
                    f"{getattr(stream, 'name', target)} changed while it was copied: harvest again"
                )
    except FileExistsError:
        # Another harvest stored the same content meanwhile.
        return


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    while block := stream.read(_BLOCK_BYTES):
        yield block


def _declared_seconds(stream: BinaryIO) -> float | None:
    try:
        with open_recording(stream) as recording:
            return recording.seconds
    except AudioError:
        # Whatever is wrong with it, the audio stage puts it in the quarantine with the reason.
        return None
