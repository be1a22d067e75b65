"""The rights that a page of a wiki states, from the metadata that MediaWiki gives of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from hdfs_jobs.errors import BadInput
from nsynth_batch.sources.licence_spellings import (
    Reading,
    either,
    read_licence,
    read_licence_url,
    strongest,
)
from nsynth_batch.sources.wiki.markup import name_of, text_of
from sequencer.rights.claims import lacks_author
from sequencer.rights.rights import UNKNOWN_LICENCE, Rights, licence_url
from sequencer.rights.spdx import licence_ids
from sequencer.text import flattened

_NAMES = ("LicenseShortName", "License", "UsageTerms")
_TRUE = frozenset({"true", "yes", "1"})
_OWN_WORK = re.compile(r"\bown[ -]work\b", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)


def rights_of(
    extmetadata: Mapping[str, Any], title: str, page_url: str, uploader: str = ""
) -> Rights:
    """Return the rights of a file of a wiki.

    The licence is what ``LicenseShortName``, ``License``, ``LicenseUrl`` and ``UsageTerms`` say
    together: the fullest of them where one says more than another, and `UNKNOWN_LICENCE` where
    none can be read or two contradict each other; GFDL and Creative Commons named apart are
    alternatives. Public domain is ``LicenseRef-PD-…``, and
    ``CC0-1.0`` only where the page says CC0.

    Parameters
    ----------
    extmetadata : mapping
        ``extmetadata`` of ``prop=imageinfo``: field to ``{"value": HTML}``.
    title : str
        Of the page, ``File:…``; what the file is called where ``ObjectName`` is empty.
    page_url : str
        Of the page.
    uploader : str
        Who uploaded the file. Named where the licence asks for an author and the page has none:
        as the author of their own work, else as the uploader.

    Returns
    -------
    Rights

    Raises
    ------
    BadInput
        With the reason ``non-free``: the page says that the file is not free at all.
    """
    if text_of(_value(extmetadata, "NonFree")).lower() in _TRUE:
        terms = text_of(_value(extmetadata, "UsageTerms"))
        raise BadInput("non-free", f"{page_url} marks it as not free ({terms or 'no terms given'})")
    url = text_of(_value(extmetadata, "LicenseUrl"))
    url = f"https:{url}" if url.startswith("//") else url
    url = url if _URL.fullmatch(url) else ""
    licence = _licence(extmetadata, url)
    several = len(set(licence_ids(licence))) > 1
    rights = Rights(
        title=text_of(_value(extmetadata, "ObjectName")) or _plain_title(title),
        author=name_of(_value(extmetadata, "Artist")),
        licence=licence,
        licence_url="" if several else url or licence_url(licence),
        page_url=page_url,
        attribution=text_of(_value(extmetadata, "Attribution")),
    )
    if not (flattened(uploader) and lacks_author(rights)):
        return rights
    own = _OWN_WORK.search(_value(extmetadata, "Credit")) is not None
    return replace(rights, author=flattened(uploader) + ("" if own else " (uploader)"))


def _licence(extmetadata: Mapping[str, Any], url: str) -> str:
    stated = [read_licence(text_of(_value(extmetadata, name))) for name in _NAMES]
    stated.append(read_licence_url(url))
    readings: list[Reading] = [reading for reading in stated if reading is not None]
    found = strongest(readings) or either(readings)
    return UNKNOWN_LICENCE if found is None else found.expression


def _plain_title(title: str) -> str:
    name = title.partition(":")[2] or title
    return PurePosixPath(text_of(name)).stem.strip() or title


def _value(extmetadata: Mapping[str, Any], name: str) -> str:
    """Return the HTML of a field; of several languages the English one, or the first."""
    found = extmetadata.get(name)
    value = found.get("value") if isinstance(found, Mapping) else found
    if isinstance(value, Mapping):
        texts = {key: text for key, text in value.items() if key != "_type"}
        value = texts.get("en", next(iter(texts.values()), None))
    return "" if value is None else str(value)
