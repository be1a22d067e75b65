"""The action API of a MediaWiki, Wikimedia Commons' for one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from hdfs_jobs.errors import BadInput, InfrastructureError, UsageError
from nsynth_batch.sources.web.client import Client, Transient
from nsynth_batch.sources.web.throttle import retry_after

MAXLAG_SECONDS = 5
"""A wiki whose databases lag by more is left alone until they have caught up."""

_LONGEST_URL = 2000
_LONGEST_ANSWER = 64 << 20
_LATER = ("maxlag", "ratelimited", "readonly", "internal_api_error", "timeout", "search-error")


class WikiError(UsageError):
    """The wiki refuses the question as wrong.

    Parameters
    ----------
    code : str
        The wiki's own name for what is wrong.
    message : str
        One line.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class BrokenListingError(Exception):
    """A listing that could not go on.

    Parameters
    ----------
    further : mapping
        Where to go on: the beginning of the batch that is missing, empty for the first.
    error : WikiError or InfrastructureError
        Why.
    """

    def __init__(self, further: Mapping[str, Any], error: WikiError | InfrastructureError) -> None:
        super().__init__(str(error))
        self.further = further
        self.error = error


class MediaWiki:
    """A wiki's API.

    Parameters
    ----------
    client : Client
        What asks.
    api : str
        The address of its ``api.php``.
    """

    def __init__(self, client: Client, api: str) -> None:
        self._client = client
        self.api = api
        self.host = urlsplit(api).netloc

    def pages(
        self,
        parameters: Mapping[str, str | int],
        further: Mapping[str, Any] | None = None,
        *,
        retries: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield the pages that a query finds, each whole, over as many answers as it takes.

        An answer may hold only a part of what was asked of its pages; the next ones hold the
        rest, until one declares the batch complete.

        Parameters
        ----------
        parameters : mapping
            Of ``action=query``.
        further : mapping, optional
            Where to go on: what an earlier answer gave for this.
        retries : int, optional
            Further attempts at a question; by default as the client's policy says.

        Raises
        ------
        BrokenListingError
            A question was not answered. All batches before it were given out.
        """
        begun: dict[str, Any] = dict(further or {})
        going_on = begun
        batch: dict[str, dict[str, Any]] = {}
        while True:
            try:
                answer = self.query({**parameters, **going_on}, retries=retries)
            except (WikiError, InfrastructureError) as error:
                raise BrokenListingError(begun, error) from error
            for page in answer.get("query", {}).get("pages", ()):
                _merge(batch.setdefault(page["title"], {}), page)
            going_on = answer.get("continue", {})
            if answer.get("batchcomplete") or not going_on:
                yield from batch.values()
                batch, begun = {}, going_on
            if not going_on:
                return

    def batch(
        self, parameters: Mapping[str, str | int], *, retries: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the pages of the first batch that a query finds, each whole.

        Raises
        ------
        WikiError, InfrastructureError
            See `query`.
        """
        pages: dict[str, dict[str, Any]] = {}
        further: dict[str, Any] = {}
        while True:
            answer = self.query({**parameters, **further}, retries=retries)
            for page in answer.get("query", {}).get("pages", ()):
                _merge(pages.setdefault(page["title"], {}), page)
            further = answer.get("continue", {})
            if answer.get("batchcomplete") or not further:
                return list(pages.values())

    def query(self, parameters: Mapping[str, Any], *, retries: int | None = None) -> dict[str, Any]:
        """Ask one question, as often as it takes.

        Parameters
        ----------
        parameters : mapping
            Of ``action=query``.
        retries : int, optional
            Further attempts; by default as the client's policy says.

        Raises
        ------
        WikiError
            The wiki does not understand the question.
        InfrastructureError
            The wiki cannot be reached, or has trouble of its own for too long.
        """
        backoff = self._client.backoff(retries)
        while True:
            try:
                return self._once(
                    {
                        "action": "query",
                        "format": "json",
                        "formatversion": 2,
                        "maxlag": MAXLAG_SECONDS,
                        **parameters,
                    }
                )
            except Transient as error:
                backoff.failed(self.api, error)
            except BadInput as error:
                raise InfrastructureError(f"{self.api}: {error}; check commons_api") from error

    def _once(self, parameters: dict[str, Any]) -> dict[str, Any]:
        text = {name: str(value) for name, value in parameters.items()}
        long = sum(map(len, text.values())) * 3 > _LONGEST_URL
        limiter = self._client.api
        headers = {"Accept-Encoding": "gzip"}
        with limiter.enter():
            if long:
                # A question all the same: it may be answered where nothing can be written.
                headers["Promise-Non-Write-API-Action"] = "true"
                answer = self._client.ask(
                    "POST", self.api, {self.host}, limiter=limiter, headers=headers, data=text
                )
            else:
                answer = self._client.ask(
                    "GET", self.api, {self.host}, limiter=limiter, headers=headers, params=text
                )
            with answer:
                if answer.status_code != 200:
                    raise _refused(self.api, answer.status_code)
                body = self._client.body(answer, _LONGEST_ANSWER)
            found = _parsed(body)
            error = found.get("error")
            if error is None:
                return found
            wait = retry_after(answer.headers.get("Retry-After"))
            code, info = str(error.get("code")), " ".join(str(error.get("info")).split())
            if code.startswith(_LATER):
                limiter.close_for(wait or 0)
                raise Transient(f"the wiki answers {code}", wait)
            raise WikiError(code, f"{self.api}: {code}: {info}")


def _refused(api: str, status: int) -> UsageError:
    why = {
        403: "it may want a --contact that reaches you",
        404: "commons_api is to be the address of a wiki's api.php",
    }
    return UsageError(f"{api}: the server answers {status}; {why.get(status, 'see its policy')}")


def _parsed(body: bytes) -> dict[str, Any]:
    import json

    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Transient("the answer is no JSON object")
    return found


def _merge(whole: dict[str, Any], part: Mapping[str, Any]) -> None:
    for name, value in part.items():
        if isinstance(value, list):
            whole.setdefault(name, []).extend(value)
        else:
            whole[name] = value
