"""Licences as people write them, read into SPDX expressions by an editable table."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from sequencer.rights.spdx import licence_ids

TABLE = "licences.toml"

_PARTING = re.compile(r"[\s_\-\u2010-\u2014,/():;|\"']+")
_OR = re.compile(r"\s+or\s+|\s*[;|/]\s*|,\s*(?=[^\W\d])", re.IGNORECASE)
_AND = re.compile(r"\s+and\s+|\s*&\s*", re.IGNORECASE)
_CC_VERSIONS = ("4.0", "3.0", "2.5", "2.0", "1.0")
_CC = re.compile(
    r"cc-(?P<kind>by(?:-nc)?(?:-sa|-nd)?|by-nd-nc)"
    r"-(?P<versions>all|\d\.\d\+|\d\.\d(?:-\d\.\d)*)"
    r"(?:-(?P<rest>[\w&-]+))?"
)
_CC_URL = re.compile(
    r"//(?:www\.)?creativecommons\.org/licenses/(?P<kind>[a-z-]+)/(?P<version>\d\.\d)"
    r"(?:/(?P<country>[a-z]{2,3}|scotland))?(?:/(?:(?:deed|legalcode)[\w.-]*)?)?(?:[?#].*)?",
    re.IGNORECASE,
)
_URLS = (
    (re.compile(r"//(www\.)?creativecommons\.org/publicdomain/zero/1\.0(/.*)?", re.I), "cc0"),
    (re.compile(r"//(www\.)?creativecommons\.org/publicdomain/mark/1\.0(/.*)?", re.I), "cc pdm"),
    (re.compile(r"//(www\.)?gnu\.org/(copyleft|licenses)/fdl(\.[a-z-]+)*", re.I), "gfdl"),
    (re.compile(r"//(www\.)?artlibre\.org/licen[cs]e/lal(/.*)?", re.I), "fal"),
)
_UNPORTED = frozenset({"unported", "international", "generic", "universal", "public-license"})


@dataclass(frozen=True)
class Reading:
    """What one spelling means.

    Attributes
    ----------
    expression
        In SPDX.
    stems
        For each licence of the expression, what a fuller reading of the same statement may begin
        with.
    """

    expression: str
    stems: frozenset[tuple[str, ...]]

    def within(self, other: Reading) -> bool:
        """Whether another reading means the same, or the same and more."""
        names = {_bare(name) for name in licence_ids(other.expression)}
        return all(
            any(name == stem or name.startswith(f"{stem}-") for stem in stems for name in names)
            for stems in self.stems
        )


def read_licence(words: str) -> Reading | None:
    """Read a licence in a person's spelling, or several of them.

    Alternatives (``A or B``, ``A; B``, ``A | B``, ``A, B``) become an expression with OR, and
    ``A and B`` one with AND. None of it is guessed: a word too much, or one part that the table
    does not have, and nothing is read.

    Parameters
    ----------
    words : str
        Plain text.

    Returns
    -------
    Reading or None
        None where the words are no licence that is known.
    """
    if (one := _one(words)) is not None:
        return one
    for pattern, word in ((_OR, "OR"), (_AND, "AND")):
        parts = [part for part in pattern.split(words) if part.strip()]
        if len(parts) > 1:
            read = [_one(part) for part in parts]
            known = [reading for reading in read if reading is not None]
            if len(known) == len(parts):
                return _joined(known, word)
    return None


def read_licence_url(url: str) -> Reading | None:
    """Read the address of a licence; None where it is not one that is known."""
    address = url.strip().partition(":")[2] if "://" in url else url.strip()
    if found := _CC_URL.fullmatch(address):
        words = ["cc", found["kind"], found["version"], found["country"] or ""]
        return _one("-".join(filter(None, words)))
    for pattern, spelling in _URLS:
        if pattern.fullmatch(address):
            return _one(spelling)
    return None


def strongest(readings: Iterable[Reading]) -> Reading | None:
    """Return the reading that includes all others; None where two contradict."""
    every = list(readings)
    for reading in every:
        if all(other.within(reading) for other in every):
            return reading
    return None


def either(readings: Iterable[Reading]) -> Reading | None:
    """Join a reading of GFDL and one of Creative Commons by OR; None for anything else.

    Pages of wikis that name both offer both: the one is what they were under at first, the other
    was added to it.
    """
    every = list(readings)
    kinds = [
        strongest(reading for reading in every if _is_kind(reading, kind))
        for kind in ("GFDL-", "CC-BY-")
    ]
    found = [reading for reading in kinds if reading is not None]
    whole = all(any(reading.within(kind) for kind in found) for reading in every)
    return _joined(found, "OR") if len(found) == len(kinds) and whole else None


def _is_kind(reading: Reading, beginning: str) -> bool:
    return all(_bare(name).startswith(beginning) for name in licence_ids(reading.expression))


def _one(words: str) -> Reading | None:
    name = _key(words)
    return _rows().get(name) or _creative_commons(name) or _public_domain(name)


def _joined(readings: Iterable[Reading], word: str) -> Reading:
    parts: dict[str, Reading] = {reading.expression: reading for reading in readings}
    if len(parts) == 1:
        return next(iter(parts.values()))
    bracketed = (f"({part})" if " " in part and word == "AND" else part for part in parts)
    stems = frozenset[tuple[str, ...]]().union(*(part.stems for part in parts.values()))
    return Reading(f" {word} ".join(bracketed), stems)


def _reading(licence: str) -> Reading:
    return Reading(licence, frozenset({(_bare(licence),)}))


def _bare(licence: str) -> str:
    return licence.removeprefix("LicenseRef-")


def _key(words: str) -> str:
    """Return a spelling without what makes no difference; signs that could make one are kept."""
    return _PARTING.sub("-", unicodedata.normalize("NFKC", words).casefold()).strip("-")


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(files(__package__).joinpath(TABLE).read_text(encoding="utf-8"))


@cache
def _rows() -> Mapping[str, Reading]:
    table = _table()
    rows = {
        _key(spelling): _reading(licence)
        for licence, spellings in table["licences"].items()
        for spelling in (licence, *spellings)
    }
    for row in table["open"]:
        reading = Reading(row["licence"], frozenset({tuple(row["kin"])}))
        for spelling in row["spellings"]:
            rows[_key(spelling)] = reading
        rows.setdefault(_key(row["licence"]), reading)
    for licence, spellings in table["public_domain"]["spellings"].items():
        rows.update({_key(spelling): _reading(f"LicenseRef-{licence}") for spelling in spellings})
    return rows


def _public_domain(name: str) -> Reading | None:
    head, _, rest = name.removeprefix("licenseref-").partition("-")
    reason, _, more = rest.partition("-")
    reasons = {_key(known): known for known in _table()["public_domain"]["reasons"]}
    if head != "pd" or reason not in reasons or not re.fullmatch(r"[a-z0-9.-]*", more):
        return None
    words = "-".join(filter(None, (reasons[reason], more)))
    return _reading(f"LicenseRef-PD-{words}")


def _creative_commons(name: str) -> Reading | None:
    words = _table()["creative_commons"]["words"]
    for long, short in words.items():
        name = re.sub(rf"(?<![^-]){re.escape(_key(long))}(?![^-])", short, name)
    found = _CC.fullmatch(re.sub(r"(-migrated)(-with-disclaimers)?$", "", name))
    if found is None:
        return None
    kind = found["kind"].upper().replace("BY-ND-NC", "BY-NC-ND")
    versions = _versions(found["versions"])
    country = _country(found["rest"])
    if country is None or (country and (len(versions) > 1 or versions == ["4.0"])):
        return None
    ids = [_cc_id(f"CC-{kind}-{version}", country) for version in versions]
    known = [_reading(licence) for licence in ids if licence]
    return _joined(known, "OR") if known and len(known) == len(ids) else None


def _versions(written: str) -> list[str]:
    if written == "all":
        return list(_CC_VERSIONS)
    if written.endswith("+"):
        return [version for version in _CC_VERSIONS if version >= written[:-1]]
    return written.split("-")


def _country(rest: str | None) -> str | None:
    """Return the code of a jurisdiction, "" if unported; None where the words name none."""
    if rest is None or rest in _UNPORTED:
        return ""
    for code, names in _table()["creative_commons"]["jurisdictions"].items():
        if rest == code.lower() or rest in map(_key, names):
            return str(code)
    return None


def _cc_id(licence: str, country: str) -> str | None:
    """Return the SPDX id of a licence; a LicenseRef where SPDX has no name for a ported one."""
    known = _spdx_ids()
    ported = f"{licence}-{country}" if country else licence
    if ported in known:
        return ported
    plausible = licence in known or licence.endswith("-2.1")
    return f"LicenseRef-{ported}" if country and plausible else None


@cache
def _spdx_ids() -> frozenset[str]:
    from license_expression import get_spdx_licensing

    return frozenset(get_spdx_licensing().known_symbols)
