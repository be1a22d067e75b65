"""A list of recordings on the web: the form of a sources.csv, with a column `url`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from hdfs_jobs.errors import UsageError
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.sources.filters import HarvestFilter
from nsynth_batch.sources.source import BadRecording, WebOffer
from sequencer.rights.sources_csv import SourceRow, read_sources

PREFIX = "urls:"


class UrlListSource:
    """The recordings that a list names.

    What a URL leads to is fetched once, and is known by the URL from then on.

    Parameters
    ----------
    path : Path
        A CSV file with the columns of a sources.csv and ``url``; ``file`` is what each is called.
    wanted : HarvestFilter
        Which of them. A list has neither lengths, sizes nor dates.
    hosts : collection of str
        Further hosts that its addresses may lead to.

    Raises
    ------
    UsageError
        If it cannot be read, or has no column ``url``, or an address in it is none.
    SequencerError
        If it is no sources.csv but for that.
    """

    def __init__(self, path: Path, wanted: HarvestFilter, hosts: Collection[str] = ()) -> None:
        self._wanted = wanted
        self._offers = _read(path)
        self.hosts: Collection[str] = {
            *(urlsplit(offer.url).netloc for offer in self._offers),
            *hosts,
        }
        self.other_files = 0
        self.skipped: Counter[str] = Counter()
        self.notes: tuple[str, ...] = ()

    def offers(self) -> Iterator[WebOffer | BadRecording]:
        """Yield what is wanted of the list, in its order."""
        taken = 0
        for offer in self._offers:
            if taken == self._wanted.limit:
                self.notes = (f"--limit {taken} ends the list: there is more",)
                return
            if why := offer.skipped_by(self._wanted):
                self.skipped[why] += 1
            else:
                taken += 1
                yield offer

    def again(self, offer: WebOffer) -> WebOffer | BadRecording:
        """Return it as it is: the list has no more about it."""
        return offer

    def owns(self, row: Recording) -> bool:
        """Whether a recording came by its URL."""
        return row.revision is None and "://" in (row.source_path or "")

    def withdrawn(self, names: Collection[str]) -> Iterator[str]:
        """Yield nothing: a recording that a list leaves out may still exist."""
        return iter(())


def _read(path: Path) -> list[WebOffer]:
    try:
        rows = read_sources(path)
    except OSError as error:
        raise UsageError(f"{path}: no list of URLs: {error.strerror}") from error
    if not rows:
        raise UsageError(f"{path}: no recording is listed")
    if nowhere := next((row.file for row in rows.values() if not row.url), None):
        raise UsageError(
            f"{path}: {nowhere} has no 'url'; a list of URLs needs the address of each recording"
        )
    return [_offer(row) for row in rows.values()]


def _offer(row: SourceRow) -> WebOffer:
    rights = replace(
        row.rights,
        title=row.rights.title or Path(row.file).stem,
        page_url=row.rights.page_url or row.url,
    )
    return WebOffer(name=row.url, url=row.url, rights=rights, categories=row.categories)
