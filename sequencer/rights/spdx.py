"""SPDX licence expressions: what one means, and whether SPDX lists the licences in it.

The parser is written out here and not ``license_expression``'s: that one raises AssertionError and
IndexError on broken input, and takes 0.1 s to import. It is imported for SPDX's list alone.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sequencer.errors import SequencerError

if TYPE_CHECKING:
    from license_expression import LicenseSymbol

_TOKEN = re.compile(r"\s*([()]|[A-Za-z0-9.:+-]+)")
_NAME = re.compile(r"(DocumentRef-[A-Za-z0-9.-]+:)?[A-Za-z0-9.-]+\+?")
_OPERATORS = ("AND", "OR", "WITH")
_MOST_DEPTH = 50


@dataclass(frozen=True)
class LicenceTerm:
    """One licence in an expression, perhaps with an exception after ``WITH``.

    Attributes
    ----------
    id : str
        As it is written.
    exception : str
        Its id; empty for none.
    """

    id: str
    exception: str = ""

    def __str__(self) -> str:
        return f"{self.id} WITH {self.exception}" if self.exception else self.id


@dataclass(frozen=True)
class AllOf:
    """Parts joined by ``AND``."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class OneOf:
    """Parts joined by ``OR``, in order."""

    parts: tuple[Expression, ...]


Expression = LicenceTerm | AllOf | OneOf


@functools.lru_cache(maxsize=16_384)
def parsed(expression: str) -> Expression:
    """Parse an SPDX expression; ``AND`` binds closer than ``OR``.

    Raises
    ------
    SequencerError
        When the words are no SPDX expression, such as ``CC BY 4.0`` (which is ``CC-BY-4.0``).
    """
    return _Parser(expression).parsed()


def licence_ids(expression: str) -> tuple[str, ...]:
    """List the licences in an SPDX expression, in order, without exceptions after WITH.

    Raises
    ------
    SequencerError
        See `parsed`.

    Examples
    --------
    >>> licence_ids("CC-BY-4.0 OR (MIT AND GPL-2.0-only WITH Classpath-exception-2.0)")
    ('CC-BY-4.0', 'MIT', 'GPL-2.0-only')
    """
    return tuple(term.id for term in terms_in(parsed(expression)))


def terms_in(expression: Expression) -> Iterator[LicenceTerm]:
    """List the licences of a parsed expression, in order."""
    if isinstance(expression, LicenceTerm):
        yield expression
    else:
        for part in expression.parts:
            yield from terms_in(part)


def require_listed(expression: str) -> None:
    """Refuse an expression with a licence that cannot be looked up in SPDX's list.

    Names that begin with ``LicenseRef-`` are their owner's and pass.

    Raises
    ------
    SequencerError
        See `parsed`; or a licence is not in the list. The message suggests what may be meant.
    """
    known = _listed_names()
    try:
        names = licence_ids(expression)
    except SequencerError as error:
        meant = known.get(re.sub(r"[\s_]+", "-", expression.strip()).lower())
        raise SequencerError(f"{error}" + (f"; write {meant}" if meant else "")) from error
    for name in names:
        plain = name.rpartition(":")[2].lower()
        if plain.startswith("licenseref-") or plain.removesuffix("+") in known or plain in known:
            continue
        near = difflib.get_close_matches(plain, known, 1, 0.85)
        meant = f"did you mean {known[near[0]]}? " if near else ""
        raise SequencerError(
            f"{name!r} is not in SPDX's list: {meant}Terms that have no name there are "
            "LicenseRef- and a word of your own"
        )


class _Parser:
    """Recursive descent over the grammar of SPDX 2.3, annex D."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = self._split()
        self._at = 0

    def parsed(self) -> Expression:
        """Parse the whole expression."""
        found = self._one_of(0)
        if self._at < len(self._tokens):
            raise self._wrong(f"{self._tokens[self._at]!r} follows without AND or OR")
        return found

    def _one_of(self, depth: int) -> Expression:
        parts = [self._all_of(depth)]
        while self._take("OR"):
            parts.append(self._all_of(depth))
        return OneOf(tuple(parts)) if len(parts) > 1 else parts[0]

    def _all_of(self, depth: int) -> Expression:
        parts = [self._term(depth)]
        while self._take("AND"):
            parts.append(self._term(depth))
        return AllOf(tuple(parts)) if len(parts) > 1 else parts[0]

    def _term(self, depth: int) -> Expression:
        if depth > _MOST_DEPTH:
            raise self._wrong(f"more than {_MOST_DEPTH} brackets deep")
        if self._take("("):
            inner = self._one_of(depth + 1)
            if not self._take(")"):
                raise self._wrong("a bracket is not closed")
            return inner
        name = self._name()
        return LicenceTerm(name, self._name() if self._take("WITH") else "")

    def _name(self) -> str:
        if self._at == len(self._tokens):
            raise self._wrong("it ends where a licence is expected")
        token = self._tokens[self._at]
        if token.upper() in _OPERATORS or not _NAME.fullmatch(token):
            raise self._wrong(f"{token!r} stands where a licence is expected")
        self._at += 1
        return token

    def _take(self, token: str) -> bool:
        """Whether the next token is this one; if so, go past it."""
        found = self._tokens[self._at : self._at + 1]
        if not found or found[0].upper() != token:
            return False
        self._at += 1
        return True

    def _split(self) -> list[str]:
        tokens: list[str] = []
        at = 0
        text = self._expression.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._wrong(f"character {text[at]!r}")
            tokens.append(match.group(1))
            at = match.end()
        return tokens

    def _wrong(self, why: str) -> SequencerError:
        text = self._expression
        shown = text if len(text) <= 200 else f"{text[:197]}..."
        return SequencerError(f"{shown!r} is no SPDX expression such as CC-BY-4.0: {why}")


@functools.cache
def _listed_names() -> Mapping[str, str]:
    """Map each name in SPDX's list, former ones too, from its lower case to its spelling."""
    from license_expression import get_spdx_licensing

    return dict(_spellings(get_spdx_licensing().known_symbols.values()))


def _spellings(symbols: Iterable[LicenseSymbol]) -> Iterator[tuple[str, str]]:
    for symbol in symbols:
        if not symbol.is_exception:
            # Aliases without a version are license_expression's own shorthand, not SPDX's names.
            former = [name for name in symbol.aliases if re.search(r"\d", name)]
            yield from ((name.lower(), symbol.key) for name in (*former, symbol.key))
