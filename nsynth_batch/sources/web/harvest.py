"""Take the recordings of a source on the web into a store: what is new, changed or withdrawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from hdfs_jobs.errors import InfrastructureError, UsageError
from hdfs_jobs.storage.base import Storage
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.catalog.content import ContentIndex, declared_seconds
from nsynth_batch.sources.catalog_writer import CatalogWriter
from nsynth_batch.sources.counts import Harvest
from nsynth_batch.sources.quarantine import HarvestQuarantine
from nsynth_batch.sources.source import BadRecording, WebOffer, WebSource
from nsynth_batch.sources.web.client import FILES_AT_ONCE, Client
from nsynth_batch.sources.web.download import key_of
from nsynth_batch.sources.web.fetch import Fetched, Fetcher, Postponed, Result
from nsynth_batch.sources.web.partial_file import discard_old
from nsynth_batch.sources.web.threads import ThreadPool
from nsynth_batch.sources.web.throttle import Stopped

_MOST_WAITING = 64
"""How far the listing may be ahead of the downloads."""

_SECONDS_BETWEEN_REPORTS = 1.0


def harvest_web(
    source: WebSource,
    client: Client,
    open_store: Callable[[], Storage],
    *,
    on_progress: Callable[[Harvest], None] = lambda _: None,
) -> Harvest:
    """Fetch what a source offers and the store lacks, and write down its rights.

    What is stored stays so, whatever happens then; the same harvest run again goes on.

    Parameters
    ----------
    source : WebSource
        Where recordings come from.
    client : Client
        What asks; its `stop` ends the harvest, and what has come by then is kept.
    open_store : callable
        Returns the storage of the store; called once the source has shown that it has something.
    on_progress : callable
        Called with the counts now and then.

    Returns
    -------
    Harvest

    Raises
    ------
    InfrastructureError
        If the listing cannot be had, or file after file cannot be had now; what came is kept.
    UsageError
        If the source has nothing at all, or its host forbids file after file; what came is kept.
    """
    report = Harvest()
    work: _WebHarvest | None = None
    try:
        for item in source.offers():
            work = work or _WebHarvest(source, client, open_store(), report, on_progress)
            work.take(item)
        work = work or _WebHarvest(source, client, open_store(), report, on_progress)
        work.finish()
        work.find_withdrawn()
    except Stopped:
        report.drained = True
        if work is not None:
            work.give_up()
    except (InfrastructureError, UsageError):
        if work is not None:
            work.give_up()
        raise
    finally:
        if work is not None:
            work.save()
        report.other_files, report.skipped = source.other_files, source.skipped
        report.notes = (*source.notes, *report.notes)
    return report


class _WebHarvest:
    """A harvest under way."""

    def __init__(
        self,
        source: WebSource,
        client: Client,
        storage: Storage,
        report: Harvest,
        on_progress: Callable[[Harvest], None],
    ) -> None:
        self._source = source
        self._client = client
        self._storage = storage
        self._report = report
        self._on_progress = on_progress
        self._catalog = CatalogWriter(storage, report)
        self._quarantine = HarvestQuarantine(storage)
        self._content = ContentIndex(storage)
        self._fetcher = Fetcher(source, client, storage)
        self._pool: ThreadPool[WebOffer, Result] = ThreadPool(self._fetcher.fetch, FILES_AT_ONCE)
        self._pending: dict[str, list[WebOffer]] = {}
        self._last: list[WebOffer] = []
        self._wanted: set[str] = set()
        self._listed: set[str] = set()
        self._replaced: set[str] = set()
        self._known: dict[str, list[str]] = {}
        self._forgotten: dict[str, str] = {}
        known = self._catalog.known
        for row in filter(source.owns, known.rows()):
            if row.file_id in known.forgotten:
                self._forgotten[row.source_path or ""] = row.file_id
            elif not row.deleted:
                self._known.setdefault(row.source_path or "", []).append(row.file_id)

    def take(self, item: WebOffer | BadRecording) -> None:
        """Take an offer of the source; fetch the recording if it is new."""
        self._settle_done()
        self._listed.add(item.name)
        if isinstance(item, BadRecording):
            self._quarantine_one(item)
            return
        # What a source gives no SHA-1 of is known by its name from when it was first fetched.
        had = [*self._known.get(item.name, ()), self._forgotten.get(item.name, "")]
        file_id = item.sha1 or had[0]
        if self._catalog.refuses(file_id, item.rights.page_url):
            return
        raw_url = self._raw_url(file_id)
        key = key_of(item)
        if raw_url is not None:
            self._record(Fetched(item, file_id, raw_url, False))
        elif key in self._pending:
            self._pending[key].append(item)
        elif self._client.policy.per_day is not None and item.name in self._quarantine.known:
            # What failed before would else take up every day's number, and all else wait.
            self._last.append(item)
        else:
            self._fetch(item)

    def _fetch(self, item: WebOffer) -> None:
        key = key_of(item)
        self._wanted.add(key)
        self._pending[key] = [item]
        self._pool.submit(item)
        while self._pool.pending >= _MOST_WAITING:
            self._settle_one()

    def finish(self) -> None:
        """Fetch what failed in earlier harvests, and wait for what is being fetched.

        Raises
        ------
        InfrastructureError
            If the host is down.
        """
        for item in self._last:
            self._fetch(item)
        while self._pool.pending:
            self._settle_one()

    def give_up(self) -> None:
        """Begin nothing more, and wait until what is being fetched was put by."""
        self._pool.cancel()
        while self._pool.pending:
            done = self._pool.result(_SECONDS_BETWEEN_REPORTS)
            if done is not None and isinstance(done[1], Fetched):
                self._record(done[1])

    def find_withdrawn(self) -> None:
        """Mark what the source has no more, or not with this content; the listing is whole."""
        unlisted = [name for name in self._known if name not in self._listed]
        withdrawn = set(self._source.withdrawn(unlisted))
        for name, file_ids in self._known.items():
            if name in withdrawn or name in self._replaced:
                self._mark_deleted(file_ids)
        for name in [name for name in self._quarantine.known if name in withdrawn]:
            self._quarantine.settle(name)
        discard_old(self._storage, self._wanted)

    def save(self) -> None:
        """Write what was not written yet."""
        self._catalog.finish()
        self._quarantine.save()

    def _raw_url(self, file_id: str) -> str | None:
        # A look into the catalog takes a thousand times longer, and there may be a million.
        if (path := self._content.path(file_id)) is not None:
            return path
        raw_url = self._catalog.raw_url(file_id)
        return raw_url if raw_url is not None and "://" in raw_url else None

    def _settle_done(self) -> None:
        while (done := self._pool.result(0)) is not None:
            self._settle(*done)

    def _settle_one(self) -> None:
        done = self._pool.result(_SECONDS_BETWEEN_REPORTS)
        if done is None:
            self._report_progress()
        else:
            self._settle(*done)

    def _report_progress(self) -> None:
        client = self._client
        self._report.received_bytes = client.received_bytes
        self._report.paced_seconds = client.paced_seconds
        self._report.busy_answers = client.busy_answers
        self._on_progress(self._report)

    def _settle(self, offer: WebOffer, result: Result | BaseException) -> None:
        alike = self._pending.pop(key_of(offer), [offer])
        if isinstance(result, Fetched):
            self._record(result)
            for other in alike[1:]:
                # What came may be a later version, and not that of the others any more.
                if other.sha1 == result.file_id:
                    self._record(replace(result, offer=other, new=False))
                else:
                    self.take(other)
        elif isinstance(result, BadRecording):
            self._quarantine_one(result)
            for other in alike[1:]:
                self._quarantine_one(replace(result, name=other.name))
        elif isinstance(result, Postponed):
            self._report.found += len(alike)
            self._report.postponed += len(alike)
        elif isinstance(result, InfrastructureError):
            self._report.found += len(alike)
            self._report.unfetched += len(alike)
            self._report.last_error = str(result)
        else:
            raise result
        if self._fetcher.down is not None:
            raise self._fetcher.down

    def _quarantine_one(self, bad: BadRecording) -> None:
        self._report.found += 1
        self._report.quarantined[bad.reason] += 1
        self._quarantine.add(bad)
        if bad.reason == "non-free":
            self._mark_deleted(self._known.get(bad.name, ()))
        self._report_progress()

    def _mark_deleted(self, file_ids: Iterable[str]) -> None:
        """Take content out of use, unless the source has it under another name as well."""
        for file_id in file_ids:
            if file_id not in self._catalog.seen:
                self._catalog.mark_deleted(file_id)

    def _record(self, fetched: Fetched) -> None:
        offer, rights = fetched.offer, fetched.offer.rights
        if self._catalog.refuses(fetched.file_id, ""):
            # The SHA-1 is known only after the download.
            if fetched.new:
                self._storage.delete(fetched.raw_url)
            return
        if fetched.new:
            self._report.added += 1
            with self._storage.open(fetched.raw_url) as stream:
                self._report.bytes += stream.seek(0, 2)
        if any(file_id != fetched.file_id for file_id in self._known.get(offer.name, ())):
            self._replaced.add(offer.name)
        self._quarantine.settle(offer.name)
        self._catalog.add(
            Recording.from_rights(
                rights,
                file_id=fetched.file_id,
                raw_url=fetched.raw_url,
                categories=offer.categories,
                duration=self._seconds(fetched),
                revision=offer.revision,
                retrieved_at=datetime.now(UTC),
                source_path=offer.name,
            )
        )
        self._report_progress()

    def _seconds(self, fetched: Fetched) -> float | None:
        """Return the length as the wiki has it, as it was, or else as the header declares it."""
        if fetched.offer.seconds:
            return fetched.offer.seconds
        known = self._catalog.known.get(fetched.file_id)
        if known is not None:
            return known.duration
        with self._storage.open(fetched.raw_url) as stream:
            return declared_seconds(stream)
