"""Who made a recording, and under which licence, as an SPDX expression."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sequencer.errors import SequencerError
from sequencer.rights.compatibility import CREATIVE_COMMONS

UNKNOWN_LICENCE = "LicenseRef-unknown"


@dataclass(frozen=True)
class Rights:
    """What has to be known to use a recording.

    Attributes
    ----------
    title, author : str
        As their owner writes them; empty where unknown.
    licence : str
        An SPDX expression; alternatives are joined by OR. `UNKNOWN_LICENCE` where nothing is known.
    licence_url, page_url : str
        Where the licence and the recording's page stand; may be empty.
    attribution : str
        The words the author asks to be credited with; may be empty.
    """

    title: str = ""
    author: str = ""
    licence: str = UNKNOWN_LICENCE
    licence_url: str = ""
    page_url: str = ""
    attribution: str = ""

    @property
    def known(self) -> bool:
        """Whether every licence in the expression is one that says something."""
        return UNKNOWN_LICENCE.lower() not in (name.lower() for name in licence_ids(self.licence))


def licence_ids(expression: str) -> tuple[str, ...]:
    """List the licences in an SPDX expression, in order, without exceptions after WITH.

    Raises
    ------
    SequencerError
        When the words are no SPDX expression, such as ``CC BY 4.0`` (which is ``CC-BY-4.0``).
    """
    return _Expression(expression).licences


def licence_url(expression: str) -> str:
    """Give the address of a licence, or "" where it is not known or there are several."""
    names = licence_ids(expression)
    return _address(names[0]) if len(names) == 1 else ""


class _Expression:
    """Recursive descent over the grammar of SPDX 2.3, annex D."""

    _TOKEN = re.compile(r"\s*([()]|[A-Za-z0-9.:+-]+)")
    _LICENCE = re.compile(r"(DocumentRef-[A-Za-z0-9.-]+:)?[A-Za-z0-9.-]+\+?")
    _OPERATORS = ("AND", "OR", "WITH")

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = self._split()
        self._at = 0
        self.licences: tuple[str, ...] = ()
        self._either()
        if self._at < len(self._tokens):
            raise self._wrong(f"{self._tokens[self._at]!r} follows without AND or OR")

    def _wrong(self, why: str) -> SequencerError:
        return SequencerError(
            f"{self._expression!r} is no SPDX expression such as CC-BY-4.0: {why}"
        )

    def _split(self) -> list[str]:
        tokens: list[str] = []
        at = 0
        text = self._expression.rstrip()
        while at < len(text):
            match = self._TOKEN.match(text, at)
            if match is None:
                raise self._wrong(f"character {text[at]!r}")
            tokens.append(match.group(1))
            at = match.end()
        return tokens

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _either(self, depth: int = 0) -> None:
        self._one(depth)
        while self._next().upper() in ("AND", "OR"):
            self._at += 1
            self._one(depth)

    def _one(self, depth: int) -> None:
        token = self._next()
        if depth > 50:
            raise self._wrong("more than 50 brackets deep")
        self._at += 1
        if token == "(":
            self._either(depth + 1)
            if self._next() != ")":
                raise self._wrong("a bracket is not closed")
            self._at += 1
            return
        self._name(token)
        self.licences += (token,)
        if self._next().upper() == "WITH":
            self._at += 1
            self._name(self._next())
            self._at += 1

    def _name(self, token: str) -> None:
        if not token:
            raise self._wrong("it ends where a licence is expected")
        if token.upper() in self._OPERATORS or not self._LICENCE.fullmatch(token):
            raise self._wrong(f"{token!r} stands where a licence is expected")


_ADDRESSES = {
    "cc0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "cc-pdm-1.0": "https://creativecommons.org/publicdomain/mark/1.0/",
    "gfdl-1.1": "https://www.gnu.org/licenses/old-licenses/fdl-1.1.html",
    "gfdl-1.2": "https://www.gnu.org/licenses/old-licenses/fdl-1.2.html",
    "gfdl-1.3": "https://www.gnu.org/licenses/fdl-1.3.html",
    "lal-1.3": "https://artlibre.org/licence/lal/en/",
    "odbl-1.0": "https://opendatacommons.org/licenses/odbl/1-0/",
    "apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "mit": "https://spdx.org/licenses/MIT.html",
}


def _address(name: str) -> str:
    parts = CREATIVE_COMMONS.fullmatch(name)
    if parts:
        kind, version, country, _ = parts.groups()
        port = f"{country.lower()}/" if country else ""
        return f"https://creativecommons.org/licenses/{kind.lower()}/{version}/{port}"
    plain = re.sub(r"(-only|-or-later|\+)$", "", name.lower())
    return _ADDRESSES.get(plain, "")
