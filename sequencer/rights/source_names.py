"""Which row of a sources.csv means which file: names are compared as people see them."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from sequencer.rights.sources_csv import SOURCES_NAME, SourceRow
from sequencer.text import flattened

_UNSEEN = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_QUOTES = "\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u2039\u203a\u00ab\u00bb"
_MOST_NAMED = 5
_NEAR = 0.8
_MOST_COMPARED = 2000
"""Names that an unmatched row is compared with letter by letter; more take too long."""


@dataclass(frozen=True)
class SourceMatches:
    """The rows of a sources.csv about some files.

    Attributes
    ----------
    rows : mapping of str to SourceRow
        By the file's own name.
    warnings : tuple of str
        Rows that mean no file, or that may mean several, a line for each kind.
    """

    rows: Mapping[str, SourceRow]
    warnings: tuple[str, ...]


def is_sources_name(name: str) -> bool:
    """Whether a file is a table of rights by its name, in whatever case.

    Examples
    --------
    >>> is_sources_name("Sources.CSV"), is_sources_name("sources.csv.txt")
    (True, False)
    """
    return _as_seen(name).casefold() == SOURCES_NAME


def looks_like_sources(name: str) -> bool:
    """Whether a file's name suggests a table of rights that is not read.

    Examples
    --------
    >>> looks_like_sources("sources.csv.txt"), looks_like_sources("sources (1).csv")
    (True, True)
    >>> looks_like_sources("sources.csv"), looks_like_sources("water sources.wav")
    (False, False)
    """
    plain = _as_seen(name).casefold()
    if is_sources_name(name) or plain.startswith("."):
        return False
    pattern = r"sources?\b.*\.(csv|tsv|txt|xlsx?|ods|numbers)|sources?"
    return re.fullmatch(pattern, plain) is not None


def unread_sources(places: Sequence[str]) -> str:
    """Return the warning that what is called as a table of rights is no file and is not read.

    Examples
    --------
    >>> unread_sources(["sources.csv"])
    'rights are not read: sources.csv is no plain file'
    """
    shown = _named(places)
    return f"rights are not read: {shown} {'is' if len(places) == 1 else 'are'} no plain file"


def match_sources(
    rows: Mapping[str, SourceRow], names: Iterable[str], table: str = SOURCES_NAME
) -> SourceMatches:
    """Find the row of each file.

    A name that is written as the file's is taken first. Then names are compared as people see
    them: in one Unicode form, with ``/`` between their parts, without ``./``, quotes and spaces
    at their ends; at last without regard to case. A row that fits several files, and several rows
    that fit one file, match nothing and are warned about.

    Parameters
    ----------
    rows : mapping of str to SourceRow
        As `read_sources` gives them.
    names : iterable of str
        The files, as paths from the table's folder, with ``/`` between their parts.
    table : str
        What warnings call the table.

    Returns
    -------
    SourceMatches

    Examples
    --------
    >>> from sequencer.rights.rights import Rights
    >>> row = SourceRow("./Bell.wav", Rights(author="Ann"))
    >>> found = match_sources({"./Bell.wav": row}, ["bell.wav", "owl.wav"])
    >>> {name: row.rights.author for name, row in found.rows.items()}, found.warnings
    ({'bell.wav': 'Ann'}, ())
    """
    files = list(dict.fromkeys(names))
    found = {name: rows[name] for name in files if name in rows}
    unmatched = [name for name in rows if name not in found]
    unclear: list[str] = []
    for key in (_as_seen, _without_case):
        if not unmatched:
            break
        unmatched = _match(rows, files, key, unmatched, found, unclear)
    return SourceMatches(found, tuple(_warnings(table, unmatched, unclear, files, found)))


def _match(
    rows: Mapping[str, SourceRow],
    files: Sequence[str],
    key: Callable[[str], str],
    unmatched: Sequence[str],
    found: dict[str, SourceRow],
    unclear: list[str],
) -> list[str]:
    """Match rows by one form of names; return those that are still unmatched."""
    fits, listed = _grouped(files, key), _grouped(unmatched, key)
    left: list[str] = []
    for form, names in listed.items():
        free = [file for file in fits.get(form, ()) if file not in found]
        taken = [found[file].rights for file in fits.get(form, ()) if file in found]
        rights = [rows[name].rights for name in names]
        if len(free) == 1 and all(each == rights[0] for each in (*rights, *taken)):
            found[free[0]] = rows[names[0]]
        elif form not in fits:
            left += names
        elif free or any(each != taken[0] for each in (*rights, *taken)):
            unclear += (f"{_shown(name)} ({_named(fits[form])})" for name in names)
    return left


def _grouped(names: Iterable[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(key(name), []).append(name)
    return groups


def _warnings(
    table: str,
    unmatched: Sequence[str],
    unclear: Sequence[str],
    files: Sequence[str],
    found: Mapping[str, SourceRow],
) -> Iterable[str]:
    if unclear:
        yield (
            f"{table} lists names that may mean several files, or has several rows for one file: "
            f"{_joined(unclear[:_MOST_NAMED], len(unclear))}; write each name as its file is called"
        )
    if unmatched:
        spare = [name for name in files if name not in found]
        shown = [_with_nearest(name, spare) for name in unmatched[:_MOST_NAMED]]
        yield f"no recording is where {table} lists one: {_joined(shown, len(unmatched))}"


def _with_nearest(name: str, spare: Sequence[str]) -> str:
    """Add to a row's name the file that it may mean."""
    near = _nearest(name, spare)
    return f"{_shown(name)} (did you mean {_shown(near)}?)" if near else _shown(name)


def _nearest(name: str, spare: Sequence[str]) -> str | None:
    wanted = PurePosixPath(_without_case(name))
    same_name = [n for n in spare if PurePosixPath(_without_case(n)).name == wanted.name]
    same_stem = [n for n in spare if PurePosixPath(_without_case(n)).stem == wanted.stem]
    for fits in (same_name, same_stem):
        if len(fits) == 1:
            return fits[0]
    by_form = {_without_case(n): n for n in spare[:_MOST_COMPARED]}
    near = difflib.get_close_matches(str(wanted), by_form, 1, _NEAR)
    return by_form[near[0]] if near else None


def _named(names: Sequence[str]) -> str:
    return _joined([_shown(name) for name in names[:_MOST_NAMED]], len(names))


def _joined(shown: Sequence[str], count: int) -> str:
    more = count - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _shown(name: str) -> str:
    # A name may be no UTF-8, and hold halves of surrogate pairs for what it is.
    return flattened(name.encode("utf-8", "replace").decode())


def _as_seen(name: str) -> str:
    """Return a path as a person sees it."""
    plain = _UNSEEN.sub("", unicodedata.normalize("NFKC", name)).replace("\\", "/")
    parts = (" ".join(part.split()).strip(f"{_QUOTES} ") for part in plain.split("/"))
    return "/".join(part for part in parts if part not in ("", "."))


def _without_case(name: str) -> str:
    # Case folding can undo the normal form, and a few signs fold only once they are normal.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", _as_seen(name)).casefold())
    return unicodedata.normalize("NFKC", folded.casefold())
