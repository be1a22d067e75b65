"""Pages that a wiki lists, without those few that it cannot answer for.

A page whose answer is broken breaks every question about it, and a search ends at some number of
finds. Neither is a reason to do without the rest: a question that fails while the wiki answers
others is asked in halves, until the one page is found that it fails for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hdfs_jobs.errors import InfrastructureError
from nsynth_batch.sources.source import BadRecording
from nsynth_batch.sources.web.client import Transient
from nsynth_batch.sources.wiki.mediawiki import BrokenListingError, MediaWiki, WikiError

BROKEN = "wiki-error"
"""The reason of a page that the wiki cannot answer for."""

Page = dict[str, Any]
Found = Page | BadRecording


class Listing:
    """What a wiki lists.

    Parameters
    ----------
    wiki : MediaWiki
        The wiki.
    properties : mapping
        What is asked of each page.
    at_once : int
        How many pages a question asks for.

    Attributes
    ----------
    notes
        Where the wiki ended a listing before its end, a sentence each.
    """

    def __init__(self, wiki: MediaWiki, properties: Mapping[str, str | int], at_once: int) -> None:
        self._wiki = wiki
        self._properties = properties
        self._at_once = at_once
        self.notes: tuple[str, ...] = ()

    def search(self, words: str) -> Iterator[Found]:
        """Yield the files that a search finds.

        Raises
        ------
        WikiError
            The wiki does not understand the search.
        InfrastructureError
            The wiki cannot be reached.
        """
        question: dict[str, str | int] = {"generator": "search", "gsrsearch": words}
        question["gsrnamespace"] = 6
        start, further = 0, True
        while further:
            further = False
            try:
                yield from self._pages(
                    {**question, "gsrlimit": self._at_once}, _offset(start) if start else {}
                )
            except BrokenListingError as broken:
                start, further = int(broken.further.get("gsroffset", 0)), True
                yield from self._found(question, start, self._at_once, broken.error)
                start += self._at_once

    def category(self, title: str) -> Iterator[Found]:
        """Yield the files of a category, without those of its subcategories.

        Raises
        ------
        WikiError, InfrastructureError
            See `search`.
        """
        question = {"generator": "categorymembers", "gcmtitle": title, "gcmtype": "file"}
        further: Mapping[str, Any] | None = {}
        while further is not None:
            try:
                yield from self._pages({**question, "gcmlimit": self._at_once}, further)
                further = None
            except BrokenListingError as broken:
                titles, further = self._members(title, broken)
                yield from self.titles(titles)

    def titles(self, titles: Sequence[str]) -> Iterator[Found]:
        """Yield the pages of some titles.

        Raises
        ------
        WikiError, InfrastructureError
            See `search`.
        """
        question = {"redirects": 1, **self._properties}
        for start in range(0, len(titles), self._at_once):
            some = titles[start : start + self._at_once]
            try:
                yield from self._wiki.pages({**question, "titles": "|".join(some)})
            except BrokenListingError as broken:
                yield from self._halved(question, some, broken.error)

    def _pages(
        self, question: Mapping[str, str | int], further: Mapping[str, Any]
    ) -> Iterator[Page]:
        """Yield the pages of a listing; note where the wiki ends it."""
        try:
            yield from self._wiki.pages({**question, **self._properties}, further)
        except BrokenListingError as broken:
            if not isinstance(broken.error, WikiError):
                raise
            if not broken.further:
                raise broken.error from broken
            self.notes += (
                f"{self._wiki.host} ends the listing here ({broken.error.code}): there may be "
                "more; narrower words, or categories, reach the rest",
            )

    def require_answers(self, error: Exception) -> None:
        """Raise an error again unless the wiki answers other questions."""
        busy = isinstance(error.__cause__, Transient) and error.__cause__.wait
        # A wiki that asked for a pause is asked nothing now.
        if busy or not isinstance(error, InfrastructureError):
            raise error
        try:
            self._wiki.query({"meta": "siteinfo"}, retries=0)
        except (InfrastructureError, WikiError):
            raise error from None

    def _found(
        self, question: Mapping[str, str | int], start: int, count: int, error: Exception
    ) -> Iterator[Found]:
        """Yield what a search finds from some place on, in ever smaller questions."""
        self.require_answers(error)
        half = count // 2
        for at, size in ((start, half), (start + half, count - half)) if half else ((start, 1),):
            retries = 0 if size > 1 else None
            parameters = {**question, **self._properties, "gsroffset": at, "gsrlimit": size}
            try:
                yield from self._wiki.batch(parameters, retries=retries)
            except WikiError:
                # Beyond the last find that the wiki shows: the next question says so.
                return
            except InfrastructureError as broken:
                if size > 1:
                    yield from self._found(question, at, size, broken)
                else:
                    self.require_answers(broken)
                    name = self._title_of(str(question["gsrsearch"]), at)
                    yield BadRecording(name, BROKEN, str(broken))

    def _title_of(self, words: str, at: int) -> str:
        """Ask for the title of a find alone; return its number if the wiki has not even that."""
        question = {"list": "search", "srsearch": words, "srnamespace": 6, "srlimit": 1}
        try:
            answer = self._wiki.query({**question, "sroffset": at}, retries=0)
            return str(answer["query"]["search"][0]["title"])
        except (InfrastructureError, WikiError, LookupError, TypeError):
            return f"{words}: find {at + 1}"

    def _members(
        self, title: str, broken: BrokenListingError
    ) -> tuple[list[str], Mapping[str, Any] | None]:
        """Ask for the titles of a part of a category alone, and where the next part begins."""
        self.require_answers(broken.error)
        question: dict[str, Any] = {"list": "categorymembers", "cmtitle": title, "cmtype": "file"}
        if "gcmcontinue" in broken.further:
            question["cmcontinue"] = broken.further["gcmcontinue"]
        answer = self._wiki.query({**question, "cmlimit": self._at_once})
        members = answer.get("query", {}).get("categorymembers")
        if members is None:
            raise broken.error from broken
        token = answer.get("continue", {}).get("cmcontinue")
        further = None if token is None else {"gcmcontinue": token, "continue": "gcmcontinue||"}
        return [str(member["title"]) for member in members], further

    def _halved(
        self, question: Mapping[str, str | int], titles: Sequence[str], error: Exception
    ) -> Iterator[Found]:
        """Yield the pages of some titles, in ever smaller questions."""
        self.require_answers(error)
        half = len(titles) // 2
        for some in (titles[:half], titles[half:]) if half else (titles,):
            retries = 0 if len(some) > 1 else None
            try:
                parameters = {**question, "titles": "|".join(some)}
                yield from self._wiki.batch(parameters, retries=retries)
            except InfrastructureError as broken:
                if len(some) > 1:
                    yield from self._halved(question, some, broken)
                else:
                    self.require_answers(broken)
                    yield BadRecording(some[0], BROKEN, str(broken))


def _offset(start: int) -> dict[str, Any]:
    return {"gsroffset": start, "continue": "gsroffset||"}
