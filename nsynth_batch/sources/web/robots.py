"""What hosts ask of programs in their robots.txt (RFC 9309)."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import urlsplit

from protego import Protego

from hdfs_jobs.errors import BadInput, InfrastructureError
from nsynth_batch.sources.web.client import Client, Transient
from nsynth_batch.sources.web.throttle import RequestLimiter

AGENT = "nsynth-batch"
"""The name by which a robots.txt means this program; ``*`` means it too."""

_MOST_BYTES = 500 * 1024
_LONGEST_DELAY = 86_400.0


class Robots:
    """The rules of hosts, each asked for once.

    Parameters
    ----------
    client : Client
        What asks.
    hosts : collection of str
        Hosts that a robots.txt may be redirected to.
    """

    def __init__(self, client: Client, hosts: Collection[str]) -> None:
        self._client = client
        self._hosts = hosts
        self._rules: dict[str, Protego | InfrastructureError] = {}
        self._lock = threading.Lock()
        # Of its own: whoever asks for rules may hold a place among the files.
        self._limiter = RequestLimiter(1, client.stop)

    def require_allowed(self, url: str) -> float:
        """Return the seconds that the host asks to wait between files; 0 where it asks for none.

        Raises
        ------
        BadInput
            ``robots``: it asks programs to leave this address alone. ``foreign-host``: its rules
            are on a host that may not be asked.
        InfrastructureError
            If its rules cannot be had now: until then nothing is taken to be allowed.
        Stopped
            If it was asked to stop.
        """
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc.lower()}"
        with self._lock:
            if site not in self._rules:
                self._rules[site] = self._ask(site)
            rules = self._rules[site]
        if isinstance(rules, InfrastructureError):
            raise rules
        if not rules.can_fetch(url, AGENT):
            raise BadInput("robots", f"{site}/robots.txt asks programs to leave {url} alone")
        delay = rules.crawl_delay(AGENT) or 0.0
        return min(max(0.0, delay), _LONGEST_DELAY) if math.isfinite(delay) else 0.0

    def _ask(self, site: str) -> Protego | InfrastructureError:
        backoff = self._client.backoff()
        url = f"{site}/robots.txt"
        while True:
            try:
                return Protego.parse(self._text(url))
            except Transient as error:
                try:
                    backoff.failed(url, error)
                except InfrastructureError as unreachable:
                    return unreachable

    def _text(self, url: str) -> str:
        """Return the rules; empty where the host has none: any final answer of 4xx means so."""
        hosts = {urlsplit(url).netloc, *self._hosts}
        try:
            with (
                self._limiter.enter(),
                self._client.ask("GET", url, hosts, limiter=self._limiter) as answer,
            ):
                if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise Transient(f"the server answers {answer.status_code}")
                if answer.status_code != HTTPStatus.OK:
                    return ""
                return self._client.body(answer, _MOST_BYTES).decode("utf-8-sig", "replace")
        except BadInput as error:
            if error.reason in ("redirect-loop", "bad-redirect"):
                return ""
            raise
