"""Recordings of a source on the web, fetched until they are right, given up or refused."""

from __future__ import annotations

import random
from dataclasses import dataclass
from urllib.parse import urlsplit

from hdfs_jobs.errors import BadInput, InfrastructureError, UsageError
from hdfs_jobs.storage.base import Storage
from nsynth_batch.catalog.content import ContentIndex
from nsynth_batch.sources.source import BadRecording, WebOffer, WebSource
from nsynth_batch.sources.web.client import AskedToWait, Client
from nsynth_batch.sources.web.day import DailyAllowance
from nsynth_batch.sources.web.download import Downloads
from nsynth_batch.sources.web.robots import Robots
from nsynth_batch.sources.web.throttle import pause
from nsynth_batch.sources.web.turns import Turns

_MOST_WRONG = 3
"""How often a file may be wrong while its source declares it unchanged."""

_MOST_FAILED = 3
"""Files in a row that cannot be had, after which the host is taken to be down."""

_NOT_ASKED_AGAIN = frozenset({"foreign-host", "robots"})


@dataclass(frozen=True)
class Fetched:
    """A recording whose bytes are in the store."""

    offer: WebOffer
    file_id: str
    raw_url: str
    new: bool


@dataclass(frozen=True)
class Postponed:
    """A recording that has to wait for another day: today's number was reached."""

    offer: WebOffer


Result = Fetched | BadRecording | Postponed


class Fetcher:
    """Fetches recordings; used by a few threads at once.

    Parameters
    ----------
    source : WebSource
        Asked again about what is not as it declared.
    client : Client
        What asks.
    storage : Storage
        The store's.

    Attributes
    ----------
    down
        Why nothing is fetched any more, once the host is taken to be down.
    """

    def __init__(self, source: WebSource, client: Client, storage: Storage) -> None:
        self._source = source
        self._client = client
        self._storage = storage
        policy = client.policy
        self._robots = Robots(client, source.hosts) if policy.robots else None
        self._allowance = DailyAllowance(storage, policy.per_day)
        self._turns = Turns(policy.pause, policy.seed, client.stop)
        check = None if self._robots is None else self._robots.require_allowed
        self._downloads = Downloads(client, storage, source.hosts, check)
        self._waits: dict[str, AskedToWait] = {}
        self._failed_in_a_row: list[InfrastructureError | UsageError] = []
        self.down: InfrastructureError | UsageError | None = None

    def fetch(self, offer: WebOffer) -> Result:
        """Fetch a recording, unless its host asks not to, or the day has no more.

        Raises
        ------
        InfrastructureError
            It cannot be fetched now; what came is kept.
        UsageError
            The host forbids file after file, which does not pass by itself.
        Stopped
            It was asked to stop; what came is kept.
        OSError
            The storage failed.
        """
        if self.down is not None:
            raise self.down
        try:
            result = self._if_allowed(offer)
        except InfrastructureError as error:
            self._count_failure(error)
            raise
        if isinstance(result, Postponed):
            return result
        if isinstance(result, BadRecording) and result.reason == "robots":
            # It says nothing of whether the host answers.
            return result
        if isinstance(result, BadRecording) and result.reason == "forbidden":
            self._count_failure(
                UsageError(
                    f"{_MOST_FAILED} files in a row are forbidden ({result.detail}): the host may "
                    "want a --contact that reaches you, or no programs at all; what came is kept"
                )
            )
        else:
            self._failed_in_a_row = []
        return result

    def _count_failure(self, error: InfrastructureError | UsageError) -> None:
        self._failed_in_a_row.append(error)
        if len(self._failed_in_a_row) >= _MOST_FAILED:
            # A host that also asked to try later is a busy one, which passes by itself.
            passing = (e for e in self._failed_in_a_row if isinstance(e, InfrastructureError))
            self.down = next(passing, error)

    def _if_allowed(self, offer: WebOffer) -> Result:
        """Fetch a recording if its host lets it be fetched, now and by programs."""
        host = urlsplit(offer.url).netloc
        if host in self._waits:
            raise self._waits[host]
        if self._allowance.used_up:
            return Postponed(offer)
        try:
            delay = 0.0 if self._robots is None else self._robots.require_allowed(offer.url)
        except BadInput as error:
            return BadRecording(offer.name, error.reason, error.detail)
        if not self._allowance.take():
            return Postponed(offer)
        try:
            return self._until_right(offer, delay)
        except AskedToWait as error:
            self._waits[host] = error
            raise

    def _until_right(self, offer: WebOffer, delay: float) -> Fetched | BadRecording:
        """Fetch a recording; ask its source again where it is not as declared."""
        name, wrong = offer.name, 0
        while True:
            try:
                with self._turns.take(offer.url, delay):
                    file_id, raw_url = self._downloads.fetch(offer)
                return Fetched(offer, file_id, raw_url, True)
            except BadInput as error:
                again = self._source.again(offer)
                if isinstance(again, BadRecording):
                    return again
                wrong += 1
                if wrong >= _MOST_WRONG or error.reason in _NOT_ASKED_AGAIN:
                    return BadRecording(name, error.reason, error.detail)
                pause(random.uniform(0, self._client.policy.backoff * wrong), self._client.stop)
            if again.sha1 is not None and again.sha1 != offer.sha1:
                stored = ContentIndex(self._storage).path(again.sha1)
                if stored is not None:
                    return Fetched(again, again.sha1, stored, False)
            offer = again
