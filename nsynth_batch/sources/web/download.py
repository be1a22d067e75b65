"""One file of the web into the store: resumed where it broke off, and right or not at all."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import requests

from hdfs_jobs.errors import BadInput, InfrastructureError
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.http_download import (
    OK,
    PARTIAL_CONTENT,
    RANGE_NOT_SATISFIABLE,
    Answer,
    range_headers,
    receive,
)
from hdfs_jobs.storage.remote import PassingError
from nsynth_batch.catalog.content import raw_path, sha1, store_content
from nsynth_batch.sources.source import WebOffer
from nsynth_batch.sources.web.client import Client, Transient, content_coding
from nsynth_batch.sources.web.partial_file import Partial
from nsynth_batch.sources.web.throttle import Stopped

_PROGRESS_BYTES = 1 << 18
"""A try that brings so much, or all, is no failed one: a poor line gets through in the end."""


class Downloads:
    """Fetches files to a store.

    Parameters
    ----------
    client : Client
        What asks.
    storage : Storage
        The store's.
    hosts : collection of str
        That may be asked; redirects to others are refused.
    check : callable, optional
        Called with each address before it is asked for; it raises where that may not be.
    """

    def __init__(
        self,
        client: Client,
        storage: Storage,
        hosts: Collection[str],
        check: Callable[[str], object] | None = None,
    ) -> None:
        self._client = client
        self._storage = storage
        self._hosts = hosts
        self._check = check

    def fetch(self, offer: WebOffer) -> tuple[str, str]:
        """Fetch a recording.

        Returns
        -------
        (str, str)
            SHA-1 of its content, and its place in the store.

        Raises
        ------
        BadInput
            ``wrong-length``, ``wrong-sha1``, ``missing-file``, ``forbidden``, ``not-audio``,
            ``empty``, ``packed``, ``foreign-host``, ``bad-redirect``, ``redirect-loop``,
            ``http-…``, or what `check` raised. Nothing of it was kept.
        InfrastructureError
            It broke off too often. What came is kept.
        Stopped
            It was asked to stop. What came is kept.
        OSError
            The storage failed.
        """
        partial = Partial(self._storage, key_of(offer))
        backoff = self._client.backoff()
        try:
            while True:
                before = partial.have
                try:
                    self._go_on(offer, partial)
                    break
                except Transient as error:
                    if partial.have - before >= _PROGRESS_BYTES:
                        backoff.progressed()
                    backoff.failed(offer.name, error)
            return self._store(offer, partial)
        except BadInput:
            partial.discard()
            raise
        except (Stopped, InfrastructureError):
            partial.keep()
            raise

    def _go_on(self, offer: WebOffer, partial: Partial) -> None:
        if offer.size is not None and 0 < offer.size == partial.have:
            return
        headers = range_headers(partial)
        with self._client.open(offer.url, self._hosts, headers, self._check) as response:
            _check(response, offer)
            answer = Answer(response.status_code, response.headers, self._client.blocks(response))
            try:
                receive(answer, partial, offer.size)
            except PassingError as error:
                raise Transient(str(error)) from error

    def _store(self, offer: WebOffer, partial: Partial) -> tuple[str, str]:
        if offer.sha1 is None:
            _require_sound(offer, next(partial.blocks(), b""))
        file_id = offer.sha1 or sha1(partial.blocks())
        path = raw_path(file_id, file_name(offer.url))
        store_content(self._storage, path, partial.blocks(), file_id)
        partial.discard()
        return file_id, path


def key_of(offer: WebOffer) -> str:
    """Return the key of an offer's content: its SHA-1, or that of its address."""
    return offer.sha1 or sha1([offer.url.encode()])


def file_name(url: str) -> str:
    """Return the name of the file that a URL leads to."""
    return PurePosixPath(unquote(urlsplit(url).path)).name


def _check(response: requests.Response, offer: WebOffer) -> None:
    """Raise BadInput where an answer holds no part of a recording."""
    status = response.status_code
    if status == RANGE_NOT_SATISFIABLE:
        return
    if status not in (OK, PARTIAL_CONTENT):
        named = {404: "missing-file", 410: "missing-file", 401: "forbidden", 403: "forbidden"}
        raise BadInput(named.get(status, f"http-{status}"), f"{offer.url}: answered with {status}")
    if coding := content_coding(response):
        # Parts of it could not be joined, and as it stands it is no recording.
        raise BadInput("packed", f"{offer.url}: comes as {coding}, which was not asked for")
    if offer.sha1 is None and response.headers.get("Content-Type", "").lower().startswith("text/"):
        raise BadInput("not-audio", f"{offer.url} leads to text")


def _require_sound(offer: WebOffer, first: bytes) -> None:
    """Refuse what begins as no sound does: an error page would stay this address's recording."""
    if not first:
        raise BadInput("empty", f"{offer.url}: the file holds 0 bytes")
    if first.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<", b"{")):
        raise BadInput("not-audio", f"{offer.url} leads to text, whatever its type says")
