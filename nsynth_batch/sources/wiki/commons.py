"""Wikimedia Commons, or another wiki of the same software: its recordings and their rights."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hdfs_jobs.errors import BadInput, InfrastructureError, UsageError
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.sources.filters import HarvestFilter
from nsynth_batch.sources.source import BadRecording, WebOffer
from nsynth_batch.sources.wiki.listing import Found, Listing
from nsynth_batch.sources.wiki.mediawiki import BrokenListingError, MediaWiki
from nsynth_batch.sources.wiki.rights import rights_of

PREFIX = "commons:"
PAGES_AT_ONCE = 50
"""How many pages a question asks for; wikis allow no more titles than that."""

_FILE = "File:"
_CATEGORY = "Category:"
_FORMS = (
    "commons:Category:NAME, commons:Search:WORDS, commons:File:NAME or commons:List:PATH "
    "(a text file with a title a line)"
)
_PROPERTIES: dict[str, str | int] = {
    "prop": "imageinfo|categories|info",
    "iiprop": "url|size|mime|sha1|timestamp|mediatype|user|extmetadata",
    "clshow": "!hidden",
    "cllimit": "max",
}
_AUDIO_MIME = ("audio/", "application/ogg")
_SHA1 = re.compile(r"[0-9a-f]{40}")


class CommonsSource:
    """What a wiki has below a category, finds, or has under some titles.

    Parameters
    ----------
    wiki : MediaWiki
        The wiki.
    source : str
        What of it: see the message of a wrong one for the forms.
    wanted : HarvestFilter
        Which recordings of that.
    hosts : collection of str
        That files may be fetched from.
    depth : int
        How many levels of subcategories are looked into.
    pages_at_once : int
        How many pages a question asks for.

    Raises
    ------
    UsageError
        If the source has none of the forms, or its list of titles cannot be read.
    """

    def __init__(
        self,
        wiki: MediaWiki,
        source: str,
        wanted: HarvestFilter,
        hosts: Collection[str],
        *,
        depth: int = 3,
        pages_at_once: int = PAGES_AT_ONCE,
    ) -> None:
        self._wiki = wiki
        self._wanted = wanted
        self._depth = depth
        self._source = source
        self._listing = Listing(wiki, _PROPERTIES, pages_at_once)
        self._list = self._form(source.removeprefix(PREFIX))
        self.hosts = hosts
        self.other_files = 0
        self.skipped: Counter[str] = Counter()
        self.notes: tuple[str, ...] = ()

    def _form(self, source: str) -> Callable[[], Iterator[Found]]:
        kind, _, name = source.partition(":")
        forms: Mapping[str, Callable[[str], Iterator[Found]]] = {
            "category": self._category,
            "search": self._listing.search,
            "file": lambda name: self._listing.titles([_titled(_FILE, name)]),
            "list": lambda _: self._listing.titles(titles),
        }
        form = forms.get(kind.strip().lower())
        if form is None or not name.strip():
            raise UsageError(f"{PREFIX}{source}: not one of {_FORMS}")
        titles = read_titles(Path(name)) if kind.strip().lower() == "list" else []
        return lambda: form(name.strip())

    def offers(self) -> Iterator[WebOffer | BadRecording]:
        """Yield each wanted recording once, or why it cannot be taken.

        Raises
        ------
        UsageError
            If the wiki has no file there at all.
        InfrastructureError
            If the wiki cannot be reached.
        """
        seen: set[str] = set()
        taken = 0
        for page in self._list():
            title = page.name if isinstance(page, BadRecording) else page["title"]
            if title in seen:
                continue
            seen.add(title)
            if taken == self._wanted.limit:
                self.notes = (f"--limit {taken} ends the listing: there may be more",)
                return
            if isinstance(page, BadRecording):
                yield page
                continue
            found = self._offer_of(page)
            if found is not None:
                taken += isinstance(found, WebOffer)
                yield found
        if not seen and not self._is_empty_category():
            raise UsageError(
                f"{self._source}: {self._wiki.host} has no files there; check the name (a category "
                "that only leads to another has none)"
            )
        if not seen:
            self.notes = ("the category is there, and has no files now",)
        self.notes += self._listing.notes

    def _is_empty_category(self) -> bool:
        """Whether the source is a category that the wiki has, for one may lose its last file."""
        kind, _, name = self._source.removeprefix(PREFIX).partition(":")
        if kind.strip().lower() != "category":
            return False
        root = {"titles": _titled(_CATEGORY, name.strip()), "prop": "info"}
        return any("missing" not in page for page in self._asked(root))

    def again(self, offer: WebOffer) -> WebOffer | BadRecording:
        """Ask about one file again; filters are not asked again."""
        # A title that has become one of another wiki has no page here.
        page = next(self._listing.titles([offer.name]), {"title": offer.name})
        return page if isinstance(page, BadRecording) else self._read(page)

    def owns(self, row: Recording) -> bool:
        """Whether a recording came from this wiki."""
        return (
            row.revision is not None
            and (row.source_path or "").startswith(_FILE)
            and urlsplit(row.page_url).netloc == self._wiki.host
        )

    def withdrawn(self, names: Collection[str]) -> Iterator[str]:
        """Yield the titles under which the wiki has no file; a moved one still has its file."""
        for titles in _batches(names):
            yield from self._withdrawn(titles)

    def _withdrawn(self, titles: Sequence[str], retries: int | None = None) -> Iterator[str]:
        """Ask about some titles; of one that the wiki cannot answer for nothing is known."""
        try:
            there, moved = self._there(titles, retries)
        except InfrastructureError as error:
            self._listing.require_answers(error)
            half = len(titles) // 2
            for some in (titles[:half], titles[half:]) if half else ():
                yield from self._withdrawn(some, retries=0)
            return
        yield from (title for title in titles if _followed(title, moved) not in there)

    def _there(self, titles: Sequence[str], retries: int | None) -> tuple[set[str], dict[str, str]]:
        question = {"titles": "|".join(titles), "redirects": 1, "prop": "imageinfo"}
        there: set[str] = set()
        moved: dict[str, str] = {}
        further: dict[str, Any] = {}
        while True:
            answer = self._wiki.query({**question, "iiprop": "sha1", **further}, retries=retries)
            found = answer.get("query", {})
            for step in chain(found.get("normalized", ()), found.get("redirects", ())):
                moved[step["from"]] = step["to"]
            there |= {p["title"] for p in found.get("pages", ()) if p.get("imageinfo")}
            if not (further := answer.get("continue", {})):
                return there, moved

    def _category(self, name: str) -> Iterator[Found]:
        """Look into a category and those below it, nearest first; each once, for they go round."""
        root = _titled(_CATEGORY, name)
        seen, waiting = {root}, deque([(root, 0)])
        while waiting:
            title, depth = waiting.popleft()
            yield from self._listing.category(title)
            if depth == self._depth:
                continue
            members = {"generator": "categorymembers", "gcmtitle": title}
            below = {**members, "gcmtype": "subcat", "gcmlimit": "max", "prop": "info"}
            for page in self._asked(below):
                if page["title"] not in seen:
                    seen.add(page["title"])
                    waiting.append((page["title"], depth + 1))

    def _asked(self, question: Mapping[str, str | int]) -> Iterator[dict[str, Any]]:
        """Yield the pages of a listing of which nothing can be left out."""
        try:
            yield from self._wiki.pages(question)
        except BrokenListingError as broken:
            raise broken.error from broken

    def _offer_of(self, page: dict[str, Any]) -> WebOffer | BadRecording | None:
        """Return the offer of a page; count one that is not wanted, and return None."""
        title = page["title"]
        there = bool(page.get("imageinfo"))
        if there and not self._wanted.has_type(title):
            self.other_files += 1
            return None
        found = self._read(page)
        if isinstance(found, WebOffer) and (why := found.skipped_by(self._wanted)):
            self.skipped[why] += 1
            return None
        return found

    def _read(self, page: dict[str, Any]) -> WebOffer | BadRecording:
        title = page["title"]
        if "invalid" in page:
            return BadRecording(
                title, "invalid-title", str(page.get("invalidreason", "no such title"))
            )
        if not page.get("imageinfo") or "filemissing" in page["imageinfo"][0]:
            return BadRecording(
                title, "missing-file", f"{self._wiki.host} has no file of this title"
            )
        file = page["imageinfo"][0]
        if "url" not in file or not _SHA1.fullmatch(str(file.get("sha1"))):
            return BadRecording(
                title, "hidden-file", f"{self._wiki.host} does not show its content"
            )
        mime = str(file.get("mime", ""))
        # An .ogg may be a film.
        if not mime.startswith(_AUDIO_MIME) or file.get("mediatype") == "VIDEO":
            return BadRecording(title, "not-audio", f"its content is {mime or 'of no known type'}")
        try:
            rights = rights_of(
                file.get("extmetadata") or {},
                title,
                file["descriptionurl"],
                uploader=str(file.get("user") or ""),
            )
        except BadInput as error:
            return BadRecording(title, error.reason, error.detail)
        return WebOffer(
            name=title,
            url=file["url"],
            rights=rights,
            categories=tuple(
                category["title"].partition(":")[2] for category in page.get("categories", ())
            ),
            size=int(file["size"]),
            sha1=file["sha1"],
            seconds=file.get("duration"),
            uploaded_at=datetime.fromisoformat(file["timestamp"]),
            revision=str(page.get("lastrevid", "")),
        )


def read_titles(path: Path) -> list[str]:
    """Read a list of titles, one a line.

    ``File:`` may be left out; empty lines and those that begin with ``#`` are skipped.

    Raises
    ------
    UsageError
        If it cannot be read, or has no title.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: no list of titles, one a line in UTF-8: {error}") from error
    named = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    titles = [_titled(_FILE, name) for name in named]
    if not titles:
        raise UsageError(f"{path}: no title in it; give one a line, as File:Name.wav")
    if wrong := next((title for title in titles if "|" in title), None):
        raise UsageError(f"{path}: {wrong}: no title has a | in it")
    return list(dict.fromkeys(titles))


def _titled(namespace: str, name: str) -> str:
    """Return a whole title; a name may have its namespace already."""
    if name.lower().startswith(namespace.lower()):
        name = name[len(namespace) :].strip()
    return namespace + name.replace("_", " ")


def _followed(title: str, moved: Mapping[str, str]) -> str:
    for _ in range(len(moved)):
        title = moved.get(title, title)
    return title


def _batches(titles: Iterable[str]) -> Iterator[list[str]]:
    waiting = list(titles)
    for start in range(0, len(waiting), PAGES_AT_ONCE):
        yield waiting[start : start + PAGES_AT_ONCE]
