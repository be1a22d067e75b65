"""The catalog for people and other programs: filtered, as rows, Parquet or CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from hdfs_jobs.errors import UsageError
from nsynth_batch.catalog.catalog import Recording, Recordings, schema
from nsynth_batch.catalog.themes import Themes
from nsynth_batch.catalog.withheld import why_withheld
from nsynth_batch.settings.choices import CatalogState
from sequencer.files import replacing

_ROWS_AT_ONCE = 4096
_TELLING_COLUMNS = 8
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Filters:
    """What a recording has to match; a field of None matches all.

    Attributes
    ----------
    title, author, licence
        Words that are somewhere in it, whatever their case.
    category
        A category or a theme, whatever its case.
    state
        ``current``, or why it may not be used.
    """

    title: str | None = None
    author: str | None = None
    licence: str | None = None
    category: str | None = None
    state: CatalogState | None = None


@dataclass(frozen=True)
class Listed:
    """A recording with what follows from its row.

    Attributes
    ----------
    recording
        Its latest row.
    themes
        Of its categories.
    state
        ``current``, or why it may not be used.
    """

    recording: Recording
    themes: tuple[str, ...]
    state: str

    def columns(self) -> dict[str, Any]:
        """Return its columns: those of the catalog, its themes and its state."""
        return {**asdict(self.recording), "themes": self.themes, "state": self.state}


def listed(recordings: Recordings, themes: Themes, filters: Filters) -> Iterator[Listed]:
    """Yield the recordings that filters let through, in the order in which they were first seen."""
    for recording in recordings.rows():
        withheld = recording.deleted or not recording.usable
        state = why_withheld(recording, recordings).reason if withheld else "current"
        one = Listed(recording, themes.of(recording.categories), state)
        if _fits(one, filters):
            yield one


def export(rows: Iterable[Listed], path: Path, *, replace: bool = False) -> int:
    """Write recordings to a file, whole or not at all, and count them.

    In a CSV file lists are joined by ``; ``, and a text that a spreadsheet would take for a
    formula, since it begins with one of ``= + - @`` or a tab, has an apostrophe before it. Parquet
    has every text as it is.

    Parameters
    ----------
    rows : iterable of Listed
        What to write.
    path : Path
        Ends in ``.parquet`` or ``.csv``.
    replace : bool
        Whether a file may be replaced that was not written here.

    Raises
    ------
    UsageError
        If it ends in anything else, is a folder or a file of other origin, or its folder is
        missing.
    """
    writers = {".parquet": _write_parquet, ".csv": _write_csv}
    write = writers.get(path.suffix.lower())
    if write is None or path.is_dir():
        raise UsageError(f"{path}: give a file that ends in .parquet or .csv")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}")
    if not replace and path.exists() and not _is_export(path):
        raise UsageError(
            f"{path} exists and was not written by this command; choose another name, or --replace "
            "to replace it"
        )
    with replacing(path) as part:
        return write(rows, part)


def _is_export(path: Path) -> bool:
    """Whether a file is empty, or has the columns that an export begins with."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = [field.name for field in fields(Recording)][:_TELLING_COLUMNS]
    if not path.stat().st_size:
        return True
    if path.suffix.lower() == ".csv":
        with path.open("rb") as stream:
            return stream.read(1 << 12).startswith(f"{','.join(first)},".encode())
    try:
        return bool(pq.read_schema(path).names[:_TELLING_COLUMNS] == first)
    except pa.ArrowException:
        return False


def _fits(one: Listed, filters: Filters) -> bool:
    row = one.recording
    words = (
        (filters.title, row.title),
        (filters.author, row.author),
        (filters.licence, row.licence),
    )
    if any(word is not None and word.casefold() not in text.casefold() for word, text in words):
        return False
    if filters.category is not None:
        names = {name.casefold() for name in (*row.categories, *one.themes)}
        if filters.category.casefold() not in names:
            return False
    return filters.state in (None, one.state)


def _write_parquet(rows: Iterable[Listed], path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = schema().append(pa.field("themes", pa.list_(pa.string())))
    columns = columns.append(pa.field("state", pa.string()))
    count = 0
    with pq.ParquetWriter(path, columns, compression="zstd") as writer:
        waiting: list[dict[str, Any]] = []
        for one in rows:
            count += 1
            waiting.append(one.columns())
            if len(waiting) == _ROWS_AT_ONCE:
                writer.write_table(pa.Table.from_pylist(waiting, schema=columns))
                waiting = []
        writer.write_table(pa.Table.from_pylist(waiting, schema=columns))
    return count


def _write_csv(rows: Iterable[Listed], path: Path) -> int:
    names = [*(field.name for field in fields(Recording)), "themes", "state"]
    count = 0
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, names)
        writer.writeheader()
        for one in rows:
            count += 1
            writer.writerow({name: _cell(value) for name, value in one.columns().items()})
    return count


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        value = "; ".join(value)
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
