"""Take the recordings of a source into a store: their bytes as they are, and their rights."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import BinaryIO

from hdfs_jobs.backend import Storage
from hdfs_jobs.errors import InfrastructureError
from nsynth_batch.sources.catalog import Catalog, Recording
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
        Those whose content another one of the same source has; the first one stands.
    without_rights
        Those of unknown licence.
    other_files
        Files that are no recordings.
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
    report = Harvest(other_files=source.other_files)
    catalog = Catalog(storage)
    known = catalog.recordings()
    seen: dict[str, Recording] = {}
    waiting: list[Recording] = []
    for offer in offers:
        if stop is not None and stop.is_set():
            report.drained = True
            break
        row = _take(offer, storage, (seen, known), report)
        if row.file_id in seen:
            report.duplicates += 1
        else:
            seen[row.file_id] = row
            if not row.same_as(known.get(row.file_id)):
                report.updated += row.file_id in known
                waiting.append(row)
        report.found += 1
        report.without_rights += not offer.rights.known
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
    report.other_files = source.other_files
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
    )


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
