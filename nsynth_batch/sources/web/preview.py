"""What a harvest from the web would fetch, without fetching it."""

from __future__ import annotations

from hdfs_jobs.storage.base import Storage
from nsynth_batch.catalog.catalog import Catalog
from nsynth_batch.catalog.content import ContentIndex
from nsynth_batch.sources.counts import Harvest
from nsynth_batch.sources.preview import Categories
from nsynth_batch.sources.source import BadRecording, WebSource
from nsynth_batch.sources.web.download import key_of


def preview_web(source: WebSource, storage: Storage | None) -> tuple[Harvest, float, Categories]:
    """Count what a harvest would fetch.

    Parameters
    ----------
    source : WebSource
        Where recordings come from.
    storage : Storage or None
        The store's, where there is one.

    Returns
    -------
    (Harvest, float, tuple of tuples of str)
        Of which `added` and `bytes` are what would be fetched; its seconds, as far as the source
        declares them, and the categories of each recording.
    """
    report, seconds = Harvest(), 0.0
    stored = None if storage is None else ContentIndex(storage)
    known = None if storage is None else Catalog(storage).recordings()
    rows = () if known is None else known.current()
    names = {row.source_path: row.file_id for row in rows if source.owns(row)}
    pending: set[str] = set()
    unknown = 0
    categories: list[tuple[str, ...]] = []
    for item in source.offers():
        report.found += 1
        if isinstance(item, BadRecording):
            report.quarantined[item.reason] += 1
            continue
        key = key_of(item)
        file_id = item.sha1 or names.get(item.name, "")
        if known is not None and known.forgotten.covers(file_id, item.rights.page_url):
            report.forgotten += 1
            continue
        report.without_rights += not item.rights.known
        if key in pending or (stored and stored.path(file_id)):
            continue
        pending.add(key)
        report.added += 1
        seconds += item.seconds or 0.0
        report.bytes += item.size or 0
        unknown += item.size is None
        categories.append(item.categories)
    report.other_files, report.skipped = source.other_files, source.skipped
    report.notes = source.notes
    if unknown:
        report.notes += (f"the source does not declare the size of {unknown} of them",)
    return report, seconds, tuple(categories)
