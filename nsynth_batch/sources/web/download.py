"""One file of the web into the store: resumed where it broke off, and right or not at all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import requests

from hdfs_jobs.errors import InfrastructureError
from hdfs_jobs.storage.base import Storage
from nsynth_batch.catalog.content import raw_path
from nsynth_batch.sources.source import WebOffer
from nsynth_batch.sources.web.client import Client, Transient, Wrong
from nsynth_batch.sources.web.partial_file import Partial
from nsynth_batch.sources.web.throttle import Stopped

_PROGRESS_BYTES = 1 << 18
"""A try that brings so much, or all, is no failed one: a poor line gets through in the end."""

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


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
    """

    def __init__(self, client: Client, storage: Storage, hosts: Collection[str]) -> None:
        self._client = client
        self._storage = storage
        self._hosts = hosts

    def fetch(self, offer: WebOffer) -> tuple[str, str]:
        """Fetch a recording.

        Returns
        -------
        (str, str)
            SHA-1 of its content, and its place in the store.

        Raises
        ------
        Wrong
            ``wrong-length``, ``wrong-sha1``, ``missing-file``, ``forbidden``, ``not-audio``,
            ``foreign-host``, ``redirect-loop`` or ``http-…``. Nothing of it was kept.
        InfrastructureError
            It broke off too often. What came is kept.
        Stopped
            It was asked to stop. What came is kept.
        OSError
            The storage failed.
        """
        partial = Partial(self._storage, key_of(offer))
        tries = self._client.tries()
        try:
            while True:
                before = partial.have
                try:
                    self._go_on(offer, partial)
                    break
                except Transient as error:
                    if partial.have - before >= _PROGRESS_BYTES:
                        tries.progressed()
                    tries.failed(offer.name, error)
            return self._store(offer, partial)
        except Wrong:
            partial.discard()
            raise
        except (Stopped, InfrastructureError):
            partial.keep()
            raise

    def _go_on(self, offer: WebOffer, partial: Partial) -> None:
        if offer.size is not None and 0 < offer.size == partial.have:
            return
        headers = {}
        if partial.have:
            headers["Range"] = f"bytes={partial.have}-"
            if partial.validator:
                headers["If-Range"] = partial.validator
        with self._client.open(offer.url, self._hosts, headers) as answer:
            size = _whole_size(answer, offer, partial)
            partial.validator = _validator(answer)
            for block in self._client.blocks(answer):
                partial.write(block)
                if size is not None and partial.have > size:
                    raise Wrong("wrong-length", f"more than the {size} bytes that it is to have")
        if size is not None and partial.have < size:
            raise Transient(f"broke off after {partial.have} of {size} bytes")

    def _store(self, offer: WebOffer, partial: Partial) -> tuple[str, str]:
        file_id = offer.sha1 or _sha1(partial)
        target = raw_path(file_id, file_name(offer.url))
        digest = hashlib.sha1(usedforsecurity=False)
        try:
            with self._storage.create(target) as stream:
                for block in partial.blocks():
                    digest.update(block)
                    stream.write(block)
                if digest.hexdigest() != file_id:
                    raise Wrong(
                        "wrong-sha1", f"its content has SHA-1 {digest.hexdigest()}, not {file_id}"
                    )
        except FileExistsError:
            # Another harvest stored the same content meanwhile.
            pass
        partial.discard()
        return file_id, target


def key_of(offer: WebOffer) -> str:
    """Give what tells the content of an offer from others: its SHA-1, or that of its address."""
    return offer.sha1 or hashlib.sha1(offer.url.encode(), usedforsecurity=False).hexdigest()


def file_name(url: str) -> str:
    """Give the name of the file that a URL leads to."""
    return PurePosixPath(unquote(urlsplit(url).path)).name


def _whole_size(answer: requests.Response, offer: WebOffer, partial: Partial) -> int | None:
    """Give how long the whole file is to be, and see to it that the answer goes on where we are."""
    status, size = answer.status_code, offer.size
    if status == 416:
        partial.discard()
        raise Transient("the server has nothing after what came: from the beginning again")
    if status not in (200, 206):
        named = {404: "missing-file", 410: "missing-file", 401: "forbidden", 403: "forbidden"}
        raise Wrong(named.get(status, f"http-{status}"), f"{offer.url}: answered with {status}")
    if offer.sha1 is None and answer.headers.get("Content-Type", "").startswith("text/"):
        # Nothing else would tell a page that says sorry from a recording.
        raise Wrong("not-audio", f"{offer.url} leads to text")
    if status == 206:
        found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != partial.have:
            partial.discard()
            raise Transient("the server sent another part than asked for: from the beginning again")
        said = None if found[2] == "*" else int(found[2])
    else:
        # All of it comes, because the server knows no parts, or has another version by now.
        partial.discard()
        length = answer.headers.get("Content-Length", "")
        said = int(length) if length.isdecimal() else None
    if said is not None and size is not None and said != size:
        raise Wrong("wrong-length", f"the server has {said} bytes, its source says {size}")
    return said if size is None else size


def _validator(answer: requests.Response) -> str:
    """Give what an If-Range header can hold: a strong ETag, or else the time of change."""
    tag = answer.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return answer.headers.get("Last-Modified", "")


def _sha1(partial: Partial) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    for block in partial.blocks():
        digest.update(block)
    return digest.hexdigest()
