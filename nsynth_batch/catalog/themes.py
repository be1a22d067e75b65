"""Themes that recordings are paired by, found from their categories by an editable table."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from hdfs_jobs.errors import UsageError

TABLE = "themes.toml"

_FORM = "a [themes] table with a list of words for each theme, and maybe a list called ignored"

_Phrase = tuple[str, ...]


class Themes:
    """A table of themes.

    Parameters
    ----------
    themes : mapping of str to sequence of str
        Words and phrases of each theme.
    ignored : sequence of str
        Phrases without a theme.

    Attributes
    ----------
    digest : str
        16 hexadecimal digits made from the table's content, not from its spelling.
    """

    def __init__(self, themes: Mapping[str, Sequence[str]], ignored: Sequence[str] = ()) -> None:
        self._found: dict[_Phrase, tuple[str, ...]] = {_words(phrase): () for phrase in ignored}
        for theme, phrases in themes.items():
            for phrase in dict.fromkeys(map(_words, phrases)):
                self._found[phrase] = (*self._found.get(phrase, ()), theme)
        self._longest = max(map(len, self._found), default=0)
        content = sorted((list(phrase), list(names)) for phrase, names in self._found.items())
        self.digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def of(self, categories: Iterable[str]) -> tuple[str, ...]:
        """Return the themes of some categories, each once, in the order in which they are found."""
        return tuple(dict.fromkeys(theme for name in categories for theme in self._of(name)))

    def with_themes(self, categories: Sequence[str]) -> tuple[str, ...]:
        """Return some categories and the themes that are not among them."""
        own = {category.casefold() for category in categories}
        more = (theme for theme in self.of(categories) if theme.casefold() not in own)
        return (*categories, *more)

    def _of(self, category: str) -> Iterator[str]:
        words = _words(category)
        at = 0
        while at < len(words):
            for length in range(min(self._longest, len(words) - at), 0, -1):
                found = self._found.get(words[at : at + length])
                if found is not None:
                    yield from found
                    at += length
                    break
            else:
                at += 1


def load_themes(path: str | None = None) -> Themes:
    """Read a table of themes.

    Parameters
    ----------
    path : str, optional
        A file of one's own; by default the one that comes with the package.

    Raises
    ------
    UsageError
        If it cannot be read, or is no such table.
    """
    file = Path(path) if path is not None else files(__package__).joinpath(TABLE)
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{file}: no table of themes can be read ({why}); give {_FORM}") from error
    themes, ignored = content.get("themes"), content.get("ignored", [])
    lists = [ignored, *themes.values()] if isinstance(themes, dict) else [None]
    if not all(isinstance(words, list) and all(map(_says_something, words)) for words in lists):
        raise UsageError(f"{file}: no table of themes: give {_FORM}")
    assert isinstance(themes, dict)
    return Themes(themes, ignored)


def _says_something(phrase: object) -> bool:
    return isinstance(phrase, str) and bool(_words(phrase))


def _words(text: str) -> _Phrase:
    """Cut a name in words without what makes no difference: case, accents, plurals in -s."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return tuple(_singular(word) for word in re.findall(r"[^\W_]+", plain.casefold()))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
