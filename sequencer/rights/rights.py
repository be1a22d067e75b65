"""Who made a recording, and under which licence, as an SPDX expression."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from sequencer.errors import SequencerError
from sequencer.json_fields import Fields
from sequencer.rights.compatibility import CREATIVE_COMMONS
from sequencer.rights.spdx import licence_ids

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

    Examples
    --------
    >>> rights = Rights("Wind", "Ann", "CC-BY-4.0 OR GFDL-1.3-only")
    >>> rights.known
    True
    >>> Rights.from_json(Fields({"title": "Choir"}, "clips.jsonl, line 1")).licence
    'LicenseRef-unknown'
    """

    title: str = ""
    author: str = ""
    licence: str = UNKNOWN_LICENCE
    licence_url: str = ""
    page_url: str = ""
    attribution: str = ""

    @property
    def known(self) -> bool:
        """Whether every licence in the expression is known."""
        return UNKNOWN_LICENCE.lower() not in (name.lower() for name in licence_ids(self.licence))

    def to_json(self) -> dict[str, str]:
        """Return the fields as JSON objects hold them, in a fixed order."""
        return {field.name: getattr(self, field.name) for field in fields(Rights)}

    @classmethod
    def from_json(cls, fields: Fields) -> Rights:
        """Read the fields of a JSON object that are rights; each may be missing.

        Raises
        ------
        SequencerError
            Naming the place and the field that is no text, or no SPDX expression.
        """
        licence = fields.text("licence", "") or UNKNOWN_LICENCE
        try:
            licence_ids(licence)
        except SequencerError as error:
            raise SequencerError(f"{fields.where}, field 'licence': {error}") from error
        return cls(
            title=fields.text("title", ""),
            author=fields.text("author", ""),
            licence=licence,
            licence_url=fields.text("licence_url", ""),
            page_url=fields.text("page_url", ""),
            attribution=fields.text("attribution", ""),
        )


@dataclass(frozen=True)
class SharedRights(Rights):
    """The rights of the first of several recordings of a corpus that are under one licence.

    Attributes
    ----------
    others : int
        How many more there are.
    """

    others: int = 0


def licence_url(expression: str) -> str:
    """Return the address of a licence, or "" where it is not known or there are several.

    Raises
    ------
    SequencerError
        When the words are no SPDX expression.
    """
    names = licence_ids(expression)
    return _address(names[0]) if len(names) == 1 else ""


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
