"""Requests over HTTP: who asks, hosts that may answer, time-outs, and what can be tried again."""

from __future__ import annotations

import random
import socket
import threading
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

from hdfs_jobs.errors import BadInput, InfrastructureError
from hdfs_jobs.storage.proxy import proxy_for
from nsynth_batch.sources.web.policy import ClientPolicy
from nsynth_batch.sources.web.throttle import Bucket, RequestLimiter, pause, retry_after

API_AT_ONCE = 3
FILES_AT_ONCE = 2
"""The limits that Wikimedia asks clients with many downloads to keep."""

UPLOAD_HOSTS_SETTING = "upload_hosts (NSYNTH_BATCH_UPLOAD_HOSTS)"

BLOCK_BYTES = 1 << 16
_BURST_BYTES = 1 << 18
# The kernel doubles what is asked for. A small one keeps servers from sending what is not paid for.
_SOCKET_BYTES = 1 << 18
_SLOWEST_BYTES_A_SECOND = 1000
_LONGEST_PAUSE = 60.0
_LONGEST_RETRY_AFTER = 900.0
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})


class Transient(Exception):
    """Something that may go well when it is tried again.

    Parameters
    ----------
    what : str
        What went wrong.
    wait : float, optional
        Seconds that the server asked to wait.
    """

    def __init__(self, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.wait = wait


class AskedToWait(InfrastructureError):
    """A server asks for a longer pause than is waited for."""


class Backoff:
    """Counts tries without progress, and waits between them: backoff with full jitter.

    Parameters
    ----------
    policy : ClientPolicy
        How often, and how long.
    stop : threading.Event
        Ends all waiting.
    """

    def __init__(self, policy: ClientPolicy, stop: threading.Event) -> None:
        self._policy = policy
        self._stop = stop
        self._failed = 0
        self._waited = 0.0

    def progressed(self) -> None:
        """Begin to count anew."""
        self._failed, self._waited = 0, 0.0

    def failed(self, what: str, error: Transient) -> None:
        """Wait before the next try.

        Raises
        ------
        AskedToWait
            If the server asks for a longer pause than is waited for.
        InfrastructureError
            If there were enough of them.
        Stopped
            If it was asked to stop.
        """
        policy = self._policy
        wait = error.wait or 0
        if wait > _LONGEST_RETRY_AFTER:
            raise AskedToWait(
                f"{what}: {error}; the server asks to wait {wait:.0f} s: run the same "
                "command again after that to go on"
            ) from error
        if wait and self._waited + wait <= _LONGEST_RETRY_AFTER:
            # A server that names a time is busy, not broken: this attempt did not fail.
            self._waited += wait
            pause(wait + random.uniform(0, policy.backoff), self._stop)
            return
        if self._failed >= policy.retries:
            tries = "one try" if self._failed == 0 else f"{self._failed + 1} tries"
            raise InfrastructureError(
                f"{what}: {error}, after {tries}; what came is kept, run the same command again "
                "to go on"
            ) from error
        longest = min(_LONGEST_PAUSE, policy.backoff * 2**self._failed)
        self._failed += 1
        pause(max(wait, random.uniform(0, longest)), self._stop)


class Client:
    """All requests of a process, under one limit.

    Parameters
    ----------
    policy : ClientPolicy
        How servers are treated.
    stop : threading.Event
        Ends all waiting.

    Attributes
    ----------
    received_bytes
        Bytes of files received so far, about.
    paced_seconds
        How long streams waited so as to keep to the rate, together and about.
    busy_answers
        How often a server asked to try later, about.
    """

    def __init__(self, policy: ClientPolicy, stop: threading.Event) -> None:
        self.policy = policy
        self.stop = stop
        self.received_bytes = 0
        self.paced_seconds = 0.0
        self.busy_answers = 0
        self.api = RequestLimiter(API_AT_ONCE, stop)
        self._files = RequestLimiter(FILES_AT_ONCE, stop)
        self._bucket = Bucket(
            policy.megabits * 1e6 / 8, _BURST_BYTES, 2 * _SOCKET_BYTES * FILES_AT_ONCE
        )
        self._local = threading.local()

    def backoff(self, retries: int | None = None) -> Backoff:
        """Return a count of attempts for one thing that may take several.

        Parameters
        ----------
        retries : int, optional
            How many further attempts; by default as the policy says.
        """
        policy = self.policy if retries is None else replace(self.policy, retries=retries)
        return Backoff(policy, self.stop)

    def ask(
        self,
        method: str,
        url: str,
        hosts: Collection[str],
        *,
        limiter: RequestLimiter,
        headers: Mapping[str, str] | None = None,
        hosts_setting: str = "",
        check: Callable[[str], object] | None = None,
        **content: Any,
    ) -> requests.Response:
        """Send a request and follow its redirects; the body is not read yet.

        Parameters
        ----------
        method, url : str
            The request.
        hosts : collection of str
            Hosts, or hosts with ports, that may be asked; others are refused.
        limiter : RequestLimiter
            Closed where the server asks for a pause. Held by the caller.
        headers : mapping, optional
            More of them.
        hosts_setting : str
            What lets further hosts, for messages; empty where nothing does.
        check : callable, optional
            Called with each address before it is asked for, a redirect's too; it raises where
            that may not be.
        **content
            `params` or `data`, as `requests` takes them.

        Raises
        ------
        Transient
            No answer, or one that asks to try later.
        BadInput
            ``foreign-host`` where the address, or a redirect, leads to another host, or from
            https to http; ``bad-redirect`` where one leads to what is no address;
            ``redirect-loop``.
        """
        for _ in range(1 + _MOST_REDIRECTS):
            _check_host(url, hosts, hosts_setting)
            if check is not None:
                check(url)
            try:
                answer = self._session.request(
                    method,
                    url,
                    headers=dict(headers or {}),
                    timeout=self.policy.timeout,
                    allow_redirects=False,
                    stream=True,
                    **content,
                )
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                raise Transient(_no_answer(url, error)) from error
            except ValueError as error:
                # It looks at a redirect's address even where it is not to follow it.
                raise BadInput("bad-redirect", f"{url} leads to no address ({error})") from error
            target = answer.headers.get("Location")
            if answer.status_code not in _REDIRECTS or not target:
                break
            answer.close()
            url = _redirected(url, target)
            # The new address has what the old one asked for; a form has to be sent again.
            content.pop("params", None)
        else:
            raise BadInput("redirect-loop", f"more than {_MOST_REDIRECTS} redirects, last to {url}")
        if answer.status_code in _BUSY:
            self.busy_answers += 1
            answer.close()
            wait = retry_after(answer.headers.get("Retry-After"))
            if wait is not None and wait <= _LONGEST_RETRY_AFTER:
                limiter.close_for(wait)
            raise Transient(f"the server answers {answer.status_code}", wait)
        return answer

    @contextmanager
    def open(
        self,
        url: str,
        hosts: Collection[str],
        headers: Mapping[str, str],
        check: Callable[[str], object] | None = None,
    ) -> Iterator[requests.Response]:
        """Ask for a file; its place among the few at once is held for the block."""
        with (
            self._files.enter(),
            self.ask(
                "GET",
                url,
                hosts,
                limiter=self._files,
                headers=headers,
                hosts_setting=UPLOAD_HOSTS_SETTING,
                check=check,
            ) as answer,
        ):
            yield answer

    def blocks(self, answer: requests.Response, *, paid: bool = True) -> Iterator[bytes]:
        """Yield the body of an answer.

        Parameters
        ----------
        answer : requests.Response
            Whose body was not read yet.
        paid : bool
            Whether it comes no faster than the rate of all files together.

        Raises
        ------
        Transient
            If the connection is cut, or next to nothing comes for as long as the time-out.
        Stopped
            If it was asked to stop.
        """
        spent, received = 0.0, 0
        while True:
            pause(0, self.stop)
            begun = time.monotonic()
            try:
                block: bytes = answer.raw.read1(BLOCK_BYTES)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise Transient(f"the connection broke ({_first_words(error)})") from error
            if not block:
                return
            # Only waiting for the server counts, not the pauses of our own rate.
            spent += time.monotonic() - begun
            received += len(block)
            if spent >= self.policy.timeout:
                if received < _SLOWEST_BYTES_A_SECOND * spent:
                    raise Transient(f"only {received} bytes came in {spent:.0f} s")
                spent, received = 0.0, 0
            yield block
            if paid:
                self.received_bytes += len(block)
                wait = self._bucket.take(len(block))
                self.paced_seconds += wait
                pause(wait, self.stop)

    def body(self, answer: requests.Response, most: int) -> bytes:
        """Return a whole body, or its first bytes; unpacked, for some servers pack unasked.

        Raises
        ------
        Transient
            As `blocks`; or if it cannot be unpacked.
        """
        coding = content_coding(answer)
        if coding not in ("", "gzip", "x-gzip"):
            raise Transient(f"the answer is packed as {coding}, which was not asked for")
        unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS) if coding else None
        found = bytearray()
        for block in self.blocks(answer, paid=False):
            try:
                found += unpacking.decompress(block, most) if unpacking else block
            except zlib.error as error:
                raise Transient(f"the answer cannot be unpacked ({error})") from error
            if len(found) >= most:
                return bytes(found[:most])
        if unpacking and not unpacking.eof:
            raise Transient("the answer cannot be unpacked (it ends too soon)")
        return bytes(found)

    @property
    def _session(self) -> requests.Session:
        """Connections are kept for more requests, each thread its own."""
        if not hasattr(self._local, "session"):
            session = requests.Session()
            session.headers.update(
                {"User-Agent": self.policy.user_agent, "Accept-Encoding": "identity"}
            )
            for scheme in ("http://", "https://"):
                session.mount(scheme, _SmallSockets())
            self._local.session = session
        found: requests.Session = self._local.session
        return found


class _SmallSockets(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        options["socket_options"] = [
            *HTTPConnection.default_socket_options,
            (socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BYTES),
        ]
        super().init_poolmanager(*arguments, **options)


def _check_host(url: str, hosts: Collection[str], setting: str) -> None:
    parts = urlsplit(url)
    allowed = {host.lower() for host in hosts}
    web = parts.scheme in ("http", "https")
    if not web or not {parts.netloc.lower(), (parts.hostname or "").lower()} & allowed:
        way_out = f"; {setting} lets further ones: add {parts.netloc}" if setting and web else ""
        raise BadInput(
            "foreign-host",
            f"{url} is not on {' or '.join(sorted(allowed))}, the hosts allowed{way_out}",
        )


def content_coding(answer: requests.Response) -> str:
    """Return how a server packed its answer, in lower case; empty where it did not."""
    coding = answer.headers.get("Content-Encoding", "").strip().lower()
    return "" if coding == "identity" else coding


def _redirected(url: str, target: str) -> str:
    further = urljoin(url, target)
    if url.startswith("https:") and further.startswith("http:"):
        raise BadInput("foreign-host", f"{url} leads to {further}, which anybody could answer")
    return further


def _no_answer(url: str, error: BaseException) -> str:
    proxy = proxy_for(url)
    way = f" through the proxy {proxy}: see that it runs, or name the host in no_proxy"
    return f"no answer ({_first_words(error)}){way if proxy else ''}"


def _first_words(error: BaseException) -> str:
    """Name the innermost cause: the outer ones repeat it with addresses of objects."""
    while error.__context__ is not None:
        error = error.__context__
    return f"{type(error).__name__}: {error}"[:200] if str(error) else type(error).__name__
