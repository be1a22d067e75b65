"""Licences as people read them: the name, the version and the address behind an SPDX id."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sequencer.rights.compatibility import CREATIVE_COMMONS
from sequencer.rights.rights import UNKNOWN_LICENCE, Rights, licence_url
from sequencer.rights.spdx import licence_ids
from sequencer.text import flattened

_ELEMENTS = {
    "BY": "Attribution",
    "NC": "NonCommercial",
    "ND": "NoDerivatives",
    "SA": "ShareAlike",
}
_NAMES = {
    "cc0-1.0": "CC0 1.0 Universal (public domain dedication)",
    "cc-pdm-1.0": "Public Domain Mark 1.0",
    "apache-2.0": "Apache License 2.0",
    "lal-1.3": "Free Art License 1.3",
    "mit": "MIT License",
    "odbl-1.0": "Open Database License 1.0",
}
_FREE_DOCUMENTATION = re.compile(r"GFDL-(\d\.\d)(?:-(?:no-)?invariants)?(-or-later|\+)?", re.I)
_PUBLIC_DOMAIN = "licenseref-pd-"


@dataclass(frozen=True)
class Licence:
    """One licence: its SPDX id, its name with the version, and its address; "" where unknown."""

    id: str
    name: str
    url: str


def licences_of(rights: Rights) -> list[Licence]:
    """Return the licences of a recording, in order: alternatives too.

    The address that its source gave comes before the usual one, where there is one licence.
    """
    found = licences_in(rights.licence)
    if len(found) == 1 and rights.licence_url:
        found = [Licence(found[0].id, found[0].name, flattened(rights.licence_url))]
    return found


def licences_in(expression: str) -> list[Licence]:
    """Return the licences in an SPDX expression, each once."""
    names = dict.fromkeys(licence_ids(expression))
    return [Licence(name, licence_name(name), licence_url(name)) for name in names]


def licence_name(name: str) -> str:
    """Return the name of a licence by its SPDX id; the id itself where no name is known."""
    plain = name.lower()
    if plain == UNKNOWN_LICENCE.lower():
        return "unknown licence"
    if plain.startswith(_PUBLIC_DOMAIN):
        return "stated to be in the public domain"
    if plain in _NAMES:
        return _NAMES[plain]
    creative = CREATIVE_COMMONS.fullmatch(name)
    if creative:
        kind, version, country, plus = creative.groups()
        words = "-".join(_ELEMENTS[element] for element in kind.upper().split("-"))
        port = f" ({country.upper()})" if country else ""
        return f"Creative Commons {words} {version}{port}{' or later' if plus else ''}"
    gnu = _FREE_DOCUMENTATION.match(name)
    if gnu and not name.lower().endswith("-only-or-later"):
        later = " or later" if plain.endswith(("-or-later", "+")) else ""
        return f"GNU Free Documentation License {gnu.group(1)}{later}"
    return name
