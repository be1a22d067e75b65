"""What a harvest of files would add to a store, without taking anything."""

from __future__ import annotations

from typing import BinaryIO

from hdfs_jobs.storage.base import Storage
from nsynth_batch.catalog.catalog import Catalog
from nsynth_batch.catalog.content import RAW, content_sha1
from nsynth_batch.sources.counts import Harvest
from nsynth_batch.sources.folder import printable
from nsynth_batch.sources.selection import LeftOutError, Selection, UnreadableError, reading
from nsynth_batch.sources.source import Offer, Source

Categories = tuple[tuple[str, ...], ...]
"""The categories of each of some recordings."""


def preview(source: Source, storage: Storage | None = None) -> tuple[Harvest, float, Categories]:
    """Count what a harvest would add to a store.

    A recording that stands in the catalog under its path, with the size that the store has of it,
    is taken for the same. Only content of a size that the store has already is read whole.

    Parameters
    ----------
    source : Source
        Where recordings come from.
    storage : Storage, optional
        The store's, where there is one.

    Returns
    -------
    (Harvest, float, tuple of tuples of str)
        Of which `added` and `bytes` are new; the seconds that the headers of the new ones declare,
        and the categories of each.
    """
    report, seconds = Harvest(), 0.0
    categories: list[tuple[str, ...]] = []
    known = None if storage is None else _Known(storage)
    selection = Selection(source)
    for offer in source.offers():
        try:
            with reading(offer.url is not None), offer.open() as stream:
                header = selection.header(offer, stream)
                report.found += 1
                report.without_rights += not offer.rights.known
                stream.seek(0)
                if known is not None and known.has(offer, stream):
                    continue
        except LeftOutError as error:
            selection.leave_out(offer, error.reason)
            continue
        except UnreadableError as error:
            report.quarantined[error.bad.reason] += 1
            continue
        seconds += header.seconds or 0.0
        report.added += 1
        report.bytes += offer.size
        categories.append(offer.categories)
    report.other_files, report.skipped = source.other_files, selection.skipped
    report.notes = (*source.notes, *selection.notes())
    return report, seconds, tuple(categories)


class _Known:
    """The recordings that a store has, by path, by content and by size."""

    def __init__(self, storage: Storage) -> None:
        self._recordings = Catalog(storage).recordings()
        rows = list(self._recordings.rows())
        self._by_path = {row.source_path: row.file_id for row in rows}
        self._urls = {row.raw_url for row in rows}
        self._sizes = {entry.name.partition(".")[0]: entry.size for entry in storage.walk(RAW)}
        self._any_size = set(self._sizes.values())

    def has(self, offer: Offer, stream: BinaryIO) -> bool:
        """Whether the store has what is offered."""
        if offer.url is not None and offer.url in self._urls:
            return True
        named = self._by_path.get(printable(offer.path))
        if named is not None and self._sizes.get(named) == offer.size:
            return True
        erased = named is not None and named not in self._sizes
        if not erased and offer.size not in self._any_size:
            return False
        return content_sha1(stream) in self._recordings
