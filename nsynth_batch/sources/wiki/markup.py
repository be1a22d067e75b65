"""HTML of a wiki to one line of text, as a reader of the page sees it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sequencer.text import flattened

if TYPE_CHECKING:
    from bs4 import BeautifulSoup
    from bs4.element import Tag

_BLOCKS = (
    "address", "article", "blockquote", "br", "caption", "center", "dd", "div", "dl", "dt", "h1",
    "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "section", "table", "tbody", "tr",
    "ul",
)  # fmt: skip
_UNSEEN = ("script", "style", "template", "noscript", "head", "title")
_HIDDEN = re.compile(r"(display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_MARKED_SECTION = re.compile(r"<!\[[^>]*>?")
_BREAK = "\x1e"
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\xad\u200b\u2060\ufeff]")
_PUNCTUATION = tuple(".,;:!?-/|\u2013\u2014")


def text_of(markup: str) -> str:
    """Return the text of a piece of HTML in one line.

    Hidden elements, scripts and numbers of links are left out; lines, items and rows that follow
    each other are parted by a semicolon, unless the one before ends in punctuation.

    Parameters
    ----------
    markup : str
        HTML, or plain text with entities; it may be broken.
    """
    if "<" not in markup:
        return flattened(html.unescape(_valid(markup)))
    return _lines(_parsed(markup))


def name_of(markup: str) -> str:
    """Return whom a piece of HTML names: of a creator's or vCard table the name alone.

    Such a table has life dates, places and authority records beside the name, which stands in
    an element of class ``fn`` (the hCard microformat), or else in its heading.
    """
    if "<table" not in markup.lower():
        return text_of(markup)
    soup = _parsed(markup)
    named = [
        _lines(tag)
        for table in _outer(soup)
        for tag in (table.select(".fn") or (table.select("th") if _is_vcard(table) else []))[:1]
    ]
    return "; ".join(dict.fromkeys(filter(None, named))) or _lines(soup)


def _outer(soup: BeautifulSoup) -> Iterator[Tag]:
    return (table for table in soup.find_all("table") if table.find_parent("table") is None)


def _is_vcard(table: Tag) -> bool:
    return "vcard" in (table.get("class") or ())


def _parsed(markup: str) -> BeautifulSoup:
    # Slow to import, and of use to wikis only.
    from bs4 import BeautifulSoup

    # The parser gives up at marked sections, which browsers take for comments.
    soup = BeautifulSoup(_MARKED_SECTION.sub("<!---->", _valid(markup)), "html.parser")
    for tag in [*soup.find_all(_UNSEEN), *soup.select("[hidden], a.autonumber")]:
        tag.decompose()
    for tag in soup.find_all(style=_HIDDEN):
        tag.decompose()
    for tag in soup.find_all(_BLOCKS):
        tag.insert_before(_BREAK)
        tag.insert_after(_BREAK)
    for tag in soup.find_all(("td", "th")):
        tag.insert_after(" ")
    return soup


def _lines(tag: Tag) -> str:
    lines = filter(None, map(flattened, tag.get_text().split(_BREAK)))
    text = ""
    for line in lines:
        if text:
            text += " " if text.endswith(_PUNCTUATION) else "; "
        text += line
    return text


def _valid(markup: str) -> str:
    """Leave out what no text holds: control characters, and halves of surrogate pairs."""
    return _NO_TEXT.sub("", markup).encode("utf-8", "replace").decode("utf-8")
