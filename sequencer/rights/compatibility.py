"""Which licence goes into which: what a work made from sources under some licences may be under.

A composition adapts its sources, so the question is always what an adaptation may be licensed
under. The table holds what the licences and their stewards state in so many words, and nothing that
has to be argued for; what it does not hold does not go.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Literal

Family = Literal[
    "PD", "credit", "BY", "BY-SA", "BY-NC", "BY-NC-SA", "BY-ND", "BY-NC-ND", "LAL", "GFDL", "GPL"
]
Version = tuple[int, int]

_ANY: Version = (0, 0)


@dataclass(frozen=True)
class Terms:
    """A licence as the table sees it.

    Attributes
    ----------
    name : str
        Its SPDX id, spelt as SPDX does where that is known.
    family : str
        What it asks for; ``PD`` nothing, ``credit`` a credit and its own notice.
    version : tuple of int
    port : str
        The jurisdiction of a ported version, such as ``DE``; empty for an unported one.
    later : bool
        Whether any later version may be chosen in its place.
    """

    name: str
    family: Family
    version: Version = _ANY
    port: str = ""
    later: bool = False


@dataclass(frozen=True)
class Flow:
    """One way from sources to a result; `least` and `result_least` are versions."""

    source: Family
    least: Version
    result: Family
    result_least: Version
    why: str


FLOWS: tuple[Flow, ...] = (
    *(
        Flow("credit", _ANY, result, (4, 0), "they ask for a credit and their notice, no more")
        for result in ("BY", "BY-SA", "BY-NC", "BY-NC-SA")
    ),
    *(
        Flow("BY", (1, 0), result, (1, 0), "any terms for the adaptation, if the credit stays")
        for result in ("BY", "BY-SA", "BY-NC", "BY-NC-SA")
    ),
    Flow("BY-SA", (2, 0), "BY-SA", (2, 0), "section 4b: the same or a later version"),
    *(
        Flow("BY-NC", (1, 0), result, (1, 0), "any terms that keep the credit and stay NC")
        for result in ("BY-NC", "BY-NC-SA")
    ),
    Flow("BY-NC-SA", (2, 0), "BY-NC-SA", (2, 0), "section 4b: the same or a later version"),
    Flow("BY-SA", (4, 0), "LAL", (1, 3), "a BY-SA compatible licence since 2014"),
    Flow("LAL", (1, 3), "BY-SA", (4, 0), "section 5, which asks for reciprocity: there since 2014"),
    Flow("BY-SA", (4, 0), "GPL", (3, 0), "version 3 alone, compatible since 2015, one way"),
)
"""Beside these, the public domain goes into everything, and every licence but ND into itself."""

RESULTS: tuple[str, ...] = (
    "CC0-1.0",
    *(f"CC-BY-{version}" for version in ("4.0", "3.0", "2.5", "2.0", "1.0")),
    *(f"CC-BY-SA-{version}" for version in ("4.0", "3.0", "2.5", "2.0", "1.0")),
    *("LAL-1.3", "LAL-1.2"),
    *("GFDL-1.3-or-later", "GFDL-1.3-only", "GFDL-1.2-or-later", "GFDL-1.2-only"),
    *("GFDL-1.1-or-later", "GFDL-1.1-only"),
    *("GPL-3.0-or-later", "GPL-3.0-only", "GPL-2.0-or-later", "GPL-2.0-only"),
    *(f"CC-BY-NC-{version}" for version in ("4.0", "3.0", "2.5", "2.0", "1.0")),
    *(f"CC-BY-NC-SA-{version}" for version in ("4.0", "3.0", "2.5", "2.0", "1.0")),
)
"""What a result may be under, the freest and newest first."""

_PUBLIC_DOMAIN = (
    *("CC0-1.0", "CC-PDM-1.0", "CC-PDDC", "PDDL-1.0", "Unlicense", "WTFPL", "0BSD", "MIT-0"),
    *("DL-DE-ZERO-2.0", "LicenseRef-PD", "LicenseRef-NoRestrictions"),
)
_CREDIT = (
    *("OGL-UK-1.0", "OGL-UK-2.0", "OGL-UK-3.0", "OGL-Canada-2.0", "etalab-2.0", "NLOD-2.0"),
    *("DL-DE-BY-2.0", "CDLA-Permissive-2.0", "MIT", "ISC", "Zlib"),
    *("BSD-2-Clause", "BSD-3-Clause", "Apache-2.0"),
    *("LicenseRef-Attribution", "LicenseRef-CopyrightedFreeUse"),
)
_NAMED: dict[str, Terms] = {
    **{name.lower(): Terms(name, "PD") for name in _PUBLIC_DOMAIN},
    **{name.lower(): Terms(name, "credit") for name in _CREDIT},
}
_PD_PREFIX = "licenseref-pd-"
CREATIVE_COMMONS = re.compile(
    r"(?:LicenseRef-)?CC-(BY(?:-NC)?(?:-ND|-SA)?|BY-ND-NC)-(\d\.\d)(?:-([A-Z]{2,8}))?(\+?)",
    re.IGNORECASE,
)
"""Kind, version, jurisdiction and plus; ports that SPDX does not list are LicenseRef-CC-…"""
_GNU = re.compile(r"(GFDL|GPL)-(\d)\.(\d)(?:-no-invariants)?(-only|-or-later|\+)?", re.IGNORECASE)
_FREE_ART = re.compile(r"(?:LAL|FAL)-1\.([23])", re.IGNORECASE)
_FAMILIES: dict[str, Family] = {
    "BY": "BY",
    "BY-SA": "BY-SA",
    "BY-NC": "BY-NC",
    "BY-NC-SA": "BY-NC-SA",
    "BY-ND": "BY-ND",
    "BY-NC-ND": "BY-NC-ND",
    "BY-ND-NC": "BY-NC-ND",
    "GFDL": "GFDL",
    "GPL": "GPL",
}
_NO_ADAPTATION: frozenset[Family] = frozenset({"BY-ND", "BY-NC-ND"})
_NON_COMMERCIAL: frozenset[Family] = frozenset({"BY-NC", "BY-NC-SA", "BY-NC-ND"})
_SHARE_ALIKE: frozenset[Family] = frozenset({"BY-SA", "BY-NC-SA"})


@functools.lru_cache(maxsize=4096)
def terms_of(name: str) -> Terms | None:
    """Look up an SPDX licence id, in any case; None for one that the table does not hold."""
    named = _NAMED.get(name.lower())
    if named is not None:
        return named
    if name.lower().startswith(_PD_PREFIX):
        return Terms(name, "PD")
    commons = CREATIVE_COMMONS.fullmatch(name)
    if commons:
        kind, number, port, plus = commons.groups()
        spelt = name if port and name.lower().startswith("licenseref") else name.upper()
        family = _FAMILIES[kind.upper()]
        version = (int(number[0]), int(number[-1]))
        return Terms(spelt, family, version, (port or "").upper(), bool(plus))
    gnu = _GNU.fullmatch(name)
    if gnu:
        kind, major, minor, suffix = gnu.groups()
        later = (suffix or "").lower() in ("+", "-or-later")
        version = (int(major), int(minor))
        spelt = f"{kind.upper()}-{major}.{minor}-{'or-later' if later else 'only'}"
        return Terms(spelt, _FAMILIES[kind.upper()], version, later=later)
    free_art = _FREE_ART.fullmatch(name)
    if free_art:
        return Terms(f"LAL-1.{free_art[1]}", "LAL", (1, int(free_art[1])))
    return None


def is_non_commercial(terms: Terms) -> bool:
    """Whether commerce is excluded."""
    return terms.family in _NON_COMMERCIAL


def allows_no_adaptation(terms: Terms) -> bool:
    """Whether adaptations may not be shared."""
    return terms.family in _NO_ADAPTATION


@functools.lru_cache(maxsize=65_536)
def goes_into(source: Terms, result: Terms) -> bool:
    """Whether an adaptation of a work under `source` may be under `result`."""
    if allows_no_adaptation(source):
        return False
    if source.family == "PD" or (source.name == result.name):
        return True
    if source.family in ("GFDL", "GPL"):
        return _gnu_goes_into(source, result)
    if source.later and source.family == result.family and source.version <= result.version:
        return True
    return any(
        flow.source == source.family
        and flow.result == result.family
        and source.version >= flow.least
        and result.version >= flow.result_least
        and _no_older(source, result)
        # Only the holders of the sources can allow a later GPL.
        and not (flow.result == "GPL" and (result.later or result.version > flow.result_least))
        for flow in FLOWS
    )


def _no_older(source: Terms, result: Terms) -> bool:
    """Whether versions agree, within one family of licences; other families are numbered apart."""
    if not (source.family.startswith("BY") and result.family.startswith("BY")):
        return True
    if source.version != result.version:
        return source.version < result.version
    # Share-alike of one jurisdiction may become a later version, but not another one's port.
    return source.family not in _SHARE_ALIKE or not source.port or source.port == result.port


def _gnu_goes_into(source: Terms, result: Terms) -> bool:
    if source.family != result.family:
        return False
    if source.later:
        return result.version >= source.version
    return result.version == source.version and not result.later
