"""Take the recordings of a source on the web into a store: what is new, changed or gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from hdfs_jobs.errors import InfrastructureError
from hdfs_jobs.storage.base import Storage
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.catalog.content import declared_seconds
from nsynth_batch.catalog.stored import Stored
from nsynth_batch.sources.catalog_writer import Harvest, Ledger
from nsynth_batch.sources.quarantine import Refusals
from nsynth_batch.sources.source import Refusal, WebOffer, WebSource
from nsynth_batch.sources.web.client import FILES_AT_ONCE, Client
from nsynth_batch.sources.web.download import key_of
from nsynth_batch.sources.web.fetch import Fetched, Fetcher
from nsynth_batch.sources.web.partial_file import discard_old
from nsynth_batch.sources.web.threads import Crew
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
        Gives the storage of the store; called once the source has shown that it has something.
    on_progress : callable
        Hears the counts now and then.

    Returns
    -------
    Harvest

    Raises
    ------
    InfrastructureError
        If the listing cannot be had, or file after file cannot; what came is kept.
    UsageError
        If the source has nothing at all.
    """
    report = Harvest()
    work: _Work | None = None
    try:
        for item in source.offers():
            work = work or _Work(source, client, open_store(), report, on_progress)
            work.take(item)
        work = work or _Work(source, client, open_store(), report, on_progress)
        work.finish()
        work.find_gone()
    except Stopped:
        report.drained = True
        if work is not None:
            work.give_up()
    except InfrastructureError:
        if work is not None:
            work.give_up()
        raise
    finally:
        if work is not None:
            work.save()
        report.other_files, report.left_out = source.other_files, source.left_out
        report.notes = source.notes
    return report


class _Work:
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
        self._ledger = Ledger(storage, report)
        self._refusals = Refusals(storage)
        self._stored = Stored(storage)
        self._fetcher = Fetcher(source, client, storage)
        self._crew: Crew[WebOffer, Fetched | Refusal] = Crew(self._fetcher.fetch, FILES_AT_ONCE)
        self._coming: dict[str, list[WebOffer]] = {}
        self._wanted: set[str] = set()
        self._listed: set[str] = set()
        self._replaced: set[str] = set()
        self._had: dict[str, list[str]] = {}
        self._forgotten: dict[str, str] = {}
        known = self._ledger.known
        for row in filter(source.owns, known.rows()):
            if row.file_id in known.forgotten:
                self._forgotten[row.source_path or ""] = row.file_id
            elif not row.deleted:
                self._had.setdefault(row.source_path or "", []).append(row.file_id)

    def take(self, item: WebOffer | Refusal) -> None:
        """Take what the source says of a recording; fetch it if it is new."""
        self._settle_done()
        self._listed.add(item.name)
        if isinstance(item, Refusal):
            self._refuse(item)
            return
        # What a source gives no SHA-1 of is known by its name from when it was first fetched.
        had = [*self._had.get(item.name, ()), self._forgotten.get(item.name, "")]
        file_id = item.sha1 or had[0]
        if self._ledger.refuses(file_id, item.rights.page_url):
            return
        place = self._place(file_id)
        key = key_of(item)
        if place is not None:
            self._enter(Fetched(item, file_id, place, False))
        elif key in self._coming:
            self._coming[key].append(item)
        else:
            self._wanted.add(key)
            self._coming[key] = [item]
            self._crew.give(item)
            while self._crew.busy >= _MOST_WAITING:
                self._settle_one()

    def finish(self) -> None:
        """Wait for what is being fetched.

        Raises
        ------
        InfrastructureError
            If the host is down.
        """
        while self._crew.busy:
            self._settle_one()

    def give_up(self) -> None:
        """Begin nothing more, and wait until what is being fetched was put by."""
        self._crew.cancel()
        while self._crew.busy:
            done = self._crew.result(_SECONDS_BETWEEN_REPORTS)
            if done is not None and isinstance(done[1], Fetched):
                self._enter(done[1])

    def find_gone(self) -> None:
        """Mark what the source has no more, or not with this content; the listing is whole."""
        gone = set(self._source.gone([name for name in self._had if name not in self._listed]))
        for name, file_ids in self._had.items():
            if name in gone or name in self._replaced:
                self._mark_deleted(file_ids)
        for name in [name for name in self._refusals.known if name in gone]:
            self._refusals.settle(name)
        discard_old(self._storage, self._wanted)

    def save(self) -> None:
        """Write what was not written yet."""
        self._ledger.save()
        self._refusals.save()

    def _place(self, file_id: str) -> str | None:
        # Looking into the catalog takes a thousand times longer, and there may be a million.
        if (stored := self._stored.place(file_id)) is not None:
            return stored
        place = self._ledger.place(file_id)
        return place if place is not None and "://" in place else None

    def _settle_done(self) -> None:
        while (done := self._crew.result(0)) is not None:
            self._settle(*done)

    def _settle_one(self) -> None:
        done = self._crew.result(_SECONDS_BETWEEN_REPORTS)
        if done is None:
            self._tell()
        else:
            self._settle(*done)

    def _tell(self) -> None:
        client = self._client
        self._report.fetched = client.came
        self._report.paced_seconds = client.paced_seconds
        self._report.busy_answers = client.busy_answers
        self._on_progress(self._report)

    def _settle(self, offer: WebOffer, result: Fetched | Refusal | BaseException) -> None:
        alike = self._coming.pop(key_of(offer), [offer])
        if isinstance(result, Fetched):
            self._enter(result)
            for other in alike[1:]:
                # What came may be a later version, and not that of the others any more.
                if other.sha1 == result.file_id:
                    self._enter(replace(result, offer=other, new=False))
                else:
                    self.take(other)
        elif isinstance(result, Refusal):
            self._refuse(result)
            for other in alike[1:]:
                self._refuse(replace(result, name=other.name))
        elif isinstance(result, InfrastructureError):
            self._report.found += len(alike)
            self._report.unfetched += len(alike)
            self._report.trouble = str(result)
        else:
            raise result
        if self._fetcher.down is not None:
            raise self._fetcher.down

    def _refuse(self, refusal: Refusal) -> None:
        self._report.found += 1
        self._report.refused[refusal.reason] += 1
        self._refusals.add(refusal)
        if refusal.reason == "non-free":
            self._mark_deleted(self._had.get(refusal.name, ()))
        self._tell()

    def _mark_deleted(self, file_ids: Iterable[str]) -> None:
        """Take content out of use, unless the source has it under another name as well."""
        for file_id in file_ids:
            if file_id not in self._ledger.seen:
                self._ledger.mark_deleted(file_id)

    def _enter(self, fetched: Fetched) -> None:
        offer, rights = fetched.offer, fetched.offer.rights
        if self._ledger.refuses(fetched.file_id, ""):
            # What the content is was not known before it came.
            if fetched.new:
                self._storage.delete(fetched.place)
            return
        if fetched.new:
            self._report.added += 1
            with self._storage.open(fetched.place) as stream:
                self._report.bytes += stream.seek(0, 2)
        if any(file_id != fetched.file_id for file_id in self._had.get(offer.name, ())):
            self._replaced.add(offer.name)
        self._refusals.settle(offer.name)
        self._ledger.add(
            Recording(
                file_id=fetched.file_id,
                title=rights.title,
                page_url=rights.page_url,
                raw_url=fetched.place,
                author=rights.author,
                licence=rights.licence,
                licence_url=rights.licence_url,
                attribution=rights.attribution,
                categories=offer.categories,
                duration=self._seconds(fetched),
                revision=offer.revision,
                retrieved_at=datetime.now(UTC),
                source_path=offer.name,
            )
        )
        self._tell()

    def _seconds(self, fetched: Fetched) -> float | None:
        """Give the length as the wiki has it, as it was, or else as the header declares it."""
        if fetched.offer.seconds:
            return fetched.offer.seconds
        known = self._ledger.known.get(fetched.file_id)
        if known is not None:
            return known.duration
        with self._storage.open(fetched.place) as stream:
            return declared_seconds(stream)
