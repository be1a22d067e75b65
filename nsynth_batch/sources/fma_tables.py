"""The tables of the Free Music Archive's dump, as they are published."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage
from nsynth_batch.settings.choices import Split
from nsynth_batch.sources.licence_spellings import Reading, read_licence, read_licence_url
from sequencer.rights.rights import UNKNOWN_LICENCE, Rights, licence_url
from sequencer.text import flattened

TRACKS = "fma_metadata/tracks.csv"
RAW_TRACKS = "fma_metadata/raw_tracks.csv"

Column = tuple[str, str]

_ID: Column = ("", "track_id")
_TITLE: Column = ("track", "title")
_ARTIST: Column = ("artist", "name")
_ARTIST_ID: Column = ("artist", "id")
_LICENCE: Column = ("track", "license")
_GENRE: Column = ("track", "genre_top")
_SPLIT: Column = ("set", "split")
_REQUIRED = (_ID, _TITLE, _ARTIST, _LICENCE)
_RAW_ID: Column = ("", "track_id")
_URL: Column = ("", "license_url")
_PAGE: Column = ("", "track_url")

_SPLITS: Mapping[str, Split] = {
    "training": "training",
    "validation": "validation",
    "test": "test",
}
_ASIDE = re.compile(r"\s*\([^()]*\)")
_NO_DERIVATIVES = re.compile(r"no[ -]?deriv(ative)?s?([ -]works)?\b", re.IGNORECASE)
# Whole pages about artists stand in one field.
_LONGEST_FIELD = 1 << 24
_NUMBER = re.compile(r"[0-9]{1,9}")
_AS_PUBLISHED = "take the table as it is published in fma_metadata.zip"


@dataclass(frozen=True)
class Track:
    """What the tables hold of a track.

    Attributes
    ----------
    rights
        Title, artist and licence.
    genre
        Its top genre; empty where it has none.
    artist
        What is equal for the tracks of one artist.
    split
        As published; None where it is in none.
    """

    rights: Rights
    genre: str
    artist: str
    split: Split | None


def read_tracks(storage: Storage, *, split: bool = False) -> dict[int, Track]:
    """Read the tables of a dump.

    Parameters
    ----------
    storage : Storage
        Of the folder that holds ``fma_metadata``. ``raw_tracks.csv`` there may be missing: it has
        the addresses of licences and pages.
    split : bool
        Whether the tracks' splits are needed.

    Returns
    -------
    dict of int to Track
        By the track's number.

    Raises
    ------
    UsageError
        If a table is not as it is published.
    """
    pages: dict[str, tuple[str, str]] = {}
    if storage.exists(RAW_TRACKS):
        for row in _rows(storage, RAW_TRACKS, 1, (_RAW_ID,)):
            pages[row[_RAW_ID]] = (row.get(_URL, ""), row.get(_PAGE, ""))
    tracks: dict[int, Track] = {}
    for row in _rows(storage, TRACKS, 3, (*_REQUIRED, _SPLIT) if split else _REQUIRED):
        if _NUMBER.fullmatch(row[_ID]):
            number = int(row[_ID])
            if number in tracks:
                # One of the two may have another licence.
                raise UsageError(
                    f"{storage.url}/{TRACKS}: track {number} has two rows; {_AS_PUBLISHED}"
                )
            tracks[number] = _track(row, *pages.get(row[_ID], ("", "")))
    return tracks


def licence_of(words: str, url: str = "") -> str:
    """Return the licence of a track in SPDX.

    Parameters
    ----------
    words : str
        As the archive writes it: ``Attribution-NonCommercial 3.0 International``.
    url : str
        The licence's address; may be empty.

    Returns
    -------
    str
        `UNKNOWN_LICENCE` where neither can be read, or the two are different licences.
    """
    plain = _NO_DERIVATIVES.sub("NoDerivs", _ASIDE.sub("", words)).strip()
    # The archive leaves out whose licence it is; the bare word is another one elsewhere.
    if plain.casefold().startswith("attribution"):
        plain = f"Creative Commons {plain}"
    said = [read_licence(plain), read_licence_url(url)]
    readings: list[Reading] = [reading for reading in said if reading is not None]
    if len(readings) == 2 and readings[0].within(readings[1]):
        # The address has the country where the words leave it out.
        return readings[1].expression
    expressions = {reading.expression for reading in readings}
    return expressions.pop() if len(expressions) == 1 else UNKNOWN_LICENCE


def _track(row: Mapping[Column, str], url: str, page: str) -> Track:
    licence = licence_of(row.get(_LICENCE, ""), url)
    artist = flattened(row.get(_ARTIST, ""))
    known = licence != UNKNOWN_LICENCE
    rights = Rights(
        title=flattened(row.get(_TITLE, "")),
        author=artist,
        licence=licence,
        licence_url=(url or licence_url(licence)) if known else url,
        page_url=page,
    )
    # A track of no known artist is an artist of its own.
    key = row.get(_ARTIST_ID, "") or artist or f"track {row[_ID]}"
    return Track(rights, row.get(_GENRE, ""), key, _SPLITS.get(row.get(_SPLIT, "")))


def _rows(
    storage: Storage, path: str, header_rows: int, required: tuple[Column, ...]
) -> Iterator[dict[Column, str]]:
    name = f"{storage.url}/{path}"
    csv.field_size_limit(max(_LONGEST_FIELD, csv.field_size_limit()))
    with storage.open(path) as stream:
        lines = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
        reader = csv.reader(lines, strict=True)
        try:
            columns = _columns([next(reader, []) for _ in range(header_rows)])
            missing = [" ".join(filter(None, c)) for c in required if c not in columns]
            if missing:
                raise UsageError(f"{name}: no column {', '.join(missing)}; {_AS_PUBLISHED}")
            for fields in filter(None, reader):
                if len(fields) != len(columns):
                    # What is missing or too much may have moved a licence to another column.
                    raise UsageError(
                        f"{name}, line {reader.line_num}: {len(fields)} fields for "
                        f"{len(columns)} columns; {_AS_PUBLISHED}"
                    )
                yield dict(zip(columns, fields, strict=True))
        except (csv.Error, UnicodeDecodeError) as error:
            raise UsageError(
                f"{name}, line {reader.line_num}: cannot be read ({error}); {_AS_PUBLISHED}"
            ) from error


def _columns(header: list[list[str]]) -> list[Column]:
    """Return the name of each column: of three rows, the last one names the index alone."""
    if len(header) == 1:
        return [("", name) for name in header[0]]
    above, names, index = header
    found = list(zip(above, names, strict=False))
    return [_ID, *found[1:]] if index[:1] == [_ID[1]] else found
