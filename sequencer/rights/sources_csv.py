"""The table beside recordings that gives their rights: sources.csv."""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO
from urllib.parse import urlsplit

from sequencer.errors import SequencerError
from sequencer.rights.rights import UNKNOWN_LICENCE, Rights, licence_url
from sequencer.rights.spdx import licence_ids, require_listed
from sequencer.text import counted

SOURCES_NAME = "sources.csv"
REQUIRED_COLUMNS = ("file", "author", "licence")
COLUMNS: Mapping[str, str] = {
    "file": "the recording, as a path from the table's folder, with `/` between its parts",
    "author": "who made it; may be empty",
    "licence": "an SPDX expression, alternatives joined by `OR`; empty is `LicenseRef-unknown`",
    "title": "what it is called in credits; the file's name where it is empty",
    "category": "what `--pair` chooses by, several joined by `;`",
    "source_url": "its page, `http://` or `https://`",
    "licence_url": "where the licence stands; derived from `licence` where it is empty",
    "attribution": "the words that the author asks to be credited with",
    "url": "where a list of URLs has its bytes; not read beside recordings",
    "seconds": "how much of it a model was trained on; not read beside recordings",
}
"""What a sources.csv may hold, and what it means."""

_WRITTEN = (
    *("file", "title", "author", "licence", "licence_url", "source_url", "attribution"),
    *("category", "url", "seconds"),
)
_ADDRESSES_IN = ("source_url", "licence_url", "url")
_SHOWN = 5


@dataclass(frozen=True)
class SourceRow:
    """One row of sources.csv.

    Attributes
    ----------
    file : str
        The recording's name, or its path from the table's folder.
    rights : Rights
    categories : tuple of str
    url : str
        Where its bytes can be had; empty where the table has none.
    seconds : float
        How much of it a model was trained on; 0 where the table has none.
    """

    file: str
    rights: Rights
    categories: tuple[str, ...] = ()
    url: str = ""
    seconds: float = 0.0


def read_sources(
    source: str | Path | BinaryIO | TextIO, name: str | None = None, *, strict: bool = True
) -> dict[str, SourceRow]:
    """Read a sources.csv.

    Its columns are `COLUMNS`, in any order and case; `REQUIRED_COLUMNS` have to be there. Others
    are left alone, unless their names look like one of these misspelt. An empty licence is
    `UNKNOWN_LICENCE`. A ``licence_url`` that is missing is derived for licences whose address is
    known.

    Parameters
    ----------
    source : str, Path, BinaryIO or TextIO
        A path or an open stream; bytes are UTF-8, with or without a byte order mark.
    name : str, optional
        What messages call it; by default its path, or the stream's name.
    strict : bool
        Whether licences that SPDX does not list, and addresses that are not of the web, are
        refused. A table that `sources_text` wrote holds what a catalog had.

    Returns
    -------
    dict of str to SourceRow
        By file name, in the order of the rows.

    Raises
    ------
    SequencerError
        Missing or misspelt columns, rows with too few or too many fields, a file named twice or
        not at all, a licence that is no SPDX expression or not in SPDX's list, an address without
        http, bytes that are not UTF-8: each row that is wrong with its line, the first few of
        many.
    OSError
        What opening or reading raised.
    """
    name, text = _text_of(source, name)
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    rows: dict[str, SourceRow] = {}
    lines: dict[str, int] = {}
    wrong: list[str] = []
    try:
        columns = _columns(name, next(reader, None))
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            where = f"line {reader.line_num}"
            try:
                row = _row(columns, fields, strict=strict)
                if row.file in rows:
                    raise SequencerError(
                        f", column 'file': {row.file!r} is listed twice, in line "
                        f"{lines[row.file]} already; keep one of them"
                    )
                rows[row.file], lines[row.file] = row, reader.line_num
            except SequencerError as error:
                wrong.append(f"{where}{error}")
    except csv.Error as error:
        wrong.append(f"line {reader.line_num}: not readable as CSV: {error}")
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise SequencerError(f"{name}, {'; '.join(wrong[:_SHOWN])}{more}")
    return rows


def sources_text(rows: Iterable[SourceRow]) -> str:
    """Return rows as the text of a sources.csv, in their order.

    `read_sources`, not strict, reads them back, but for spaces around values and a ``;`` inside a
    category. The lines end as RFC 4180 has it, so that a line break inside a value is quoted.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_WRITTEN)
    for row in rows:
        rights = row.rights
        writer.writerow(
            (
                *(row.file, rights.title, rights.author, rights.licence, rights.licence_url),
                *(rights.page_url, rights.attribution),
                ";".join(name.replace(";", ",") for name in row.categories),
                row.url,
                f"{row.seconds!r}" if row.seconds else "",
            )
        )
    return out.getvalue().encode("utf-8", "replace").decode()


def _text_of(source: str | Path | BinaryIO | TextIO, name: str | None) -> tuple[str, str]:
    if isinstance(source, (str, Path)):
        name, data = name or str(source), Path(source).read_bytes()
    else:
        name = name or str(getattr(source, "name", SOURCES_NAME))
        content = source.read()
        if isinstance(content, str):
            return name, content
        data = content
    try:
        return name, data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SequencerError(
            f"{name}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8; "
            "save the file as UTF-8"
        ) from error


def _columns(name: str, header: list[str] | None) -> list[str]:
    if header is None:
        raise SequencerError(f"{name} is empty; it needs the columns {_named(REQUIRED_COLUMNS)}")
    columns = [column.strip().lower() for column in header]
    for sign, called in ((";", "semicolons"), ("\t", "tabs")):
        if len(columns) == 1 and sign in columns[0]:
            raise SequencerError(
                f"{name}, line 1: the columns are parted by {called}; save it with commas"
            )
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    for column in columns:
        near = [] if column in COLUMNS else difflib.get_close_matches(column, COLUMNS, 1, 0.76)
        if near and near[0] not in columns:
            raise SequencerError(
                f"{name}, line 1: column {column!r} is none that is known; call it {near[0]!r}"
            )
    if missing:
        raise SequencerError(
            f"{name}, line 1: missing column{'s' * (len(missing) > 1)} {_named(missing)}; "
            f"found {_named(columns)}"
        )
    repeated = sorted({column for column in columns if column and columns.count(column) > 1})
    if repeated:
        raise SequencerError(f"{name}, line 1: column {_named(repeated)} stands there twice")
    return columns


def _row(columns: list[str], fields: list[str], *, strict: bool) -> SourceRow:
    """Read a row; errors begin with what follows the number of its line."""
    if len(fields) != len(columns):
        raise SequencerError(
            f": {counted(len(fields), 'field')} where the header has {len(columns)} columns "
            "(a comma inside a field needs quotes around the field)"
        )
    # A file's name is kept as it is: names may begin or end with spaces.
    values = {
        column: field if column == "file" else field.strip()
        for column, field in zip(columns, fields, strict=True)
    }
    if not values["file"].strip():
        raise SequencerError(", column 'file': the file's name is empty")
    for column in _ADDRESSES_IN:
        address = values.get(column, "")
        if strict and address and not _is_address(address):
            raise SequencerError(
                f", column {column!r}: {address!r} is no address with http:// or https://"
            )
    licence = values["licence"] or UNKNOWN_LICENCE
    try:
        (require_listed if strict else licence_ids)(licence)
    except SequencerError as error:
        raise SequencerError(f", column 'licence': {error}") from error
    rights = Rights(
        title=values.get("title", ""),
        author=values["author"],
        licence=licence,
        licence_url=values.get("licence_url", "") or licence_url(licence),
        page_url=values.get("source_url", ""),
        attribution=values.get("attribution", ""),
    )
    categories = tuple(
        category.strip() for category in values.get("category", "").split(";") if category.strip()
    )
    seconds = _seconds(values.get("seconds", ""))
    return SourceRow(values["file"], rights, categories, values.get("url", ""), seconds)


def _seconds(text: str) -> float:
    try:
        seconds = float(text or 0)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise SequencerError(f", column 'seconds': {text!r} is no number of seconds, 0 or more")
    return seconds


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _named(columns: Iterable[str]) -> str:
    return ", ".join(repr(column) for column in columns)
