"""A folder of recordings, its sub-folders included, with a sources.csv beside them for rights."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from hdfs_jobs.datasets.store import MARKER
from hdfs_jobs.errors import BadInput, UsageError
from hdfs_jobs.storage.base import Entry, Storage
from hdfs_jobs.storage.local import LocalStorage
from hdfs_jobs.storage.open import scheme_of
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.sources.filters import HarvestFilter
from nsynth_batch.sources.folder_walk import Walk, open_plain, walk
from nsynth_batch.sources.source import Offer, Stop
from nsynth_batch.text import one_line
from sequencer.audio.suffixes import HEAD_BYTES, is_sound, needs_head
from sequencer.clips.clips import CLIPS_NAME, SCORE_SUFFIX
from sequencer.rights.rights import Rights
from sequencer.rights.source_names import (
    is_sources_name,
    looks_like_sources,
    match_sources,
    unread_sources,
)
from sequencer.rights.sources_csv import SOURCES_NAME, SourceRow, read_sources
from sequencer.text import counted

MADE_HERE = "made by this program"
"""Why what an earlier run wrote is no recording of a source."""

_NAMED = 5
"""How many files a note names."""


class FolderSource:
    """The recordings below a folder of any storage.

    A store below it is left alone: what it holds are no recordings of this source, and without
    the rights that its catalog has. So is what this program made: clips that a clips.jsonl lists,
    and compositions with a score beside them. On HDFS recordings stay where they are, and what
    Hadoop takes for hidden (``_SUCCESS``, ``_temporary``) is none of them.

    Parameters
    ----------
    storage : Storage
        The folder is its root.
    wanted : HarvestFilter, optional
        Which of the recordings are taken.
    only : str, optional
        The one file of the folder that is meant; all by default.

    Raises
    ------
    UsageError
        If there is no such folder, or it is a store.
    """

    def __init__(
        self, storage: Storage, wanted: HarvestFilter | None = None, only: str | None = None
    ) -> None:
        self._storage = storage
        scheme = scheme_of(storage.url)
        self._in_place, self._marks = scheme.remote, scheme.hidden
        self._others: list[str] = []
        self._only = only
        self._walk = Walk()
        self._there: set[str] = set()
        self.url = storage.url
        self.wanted = wanted or HarvestFilter(types=None)
        self.other_files = 0
        self.left_out: Mapping[str, Sequence[str]] = {}
        self.notes: tuple[str, ...] = ()
        try:
            is_folder = storage.stat("").is_dir
        except (FileNotFoundError, NotADirectoryError):
            is_folder = False
        if not is_folder:
            raise UsageError(
                f"{storage.url}: no such folder; SOURCE is a folder of recordings, or one recording"
            )
        if storage.exists(MARKER):
            raise UsageError(
                f"{storage.url}: a store ({MARKER} is in it); SOURCE is a folder of recordings"
            )

    def offers(self, stop: Stop = lambda: False) -> Iterator[Offer]:
        """Yield each recording, by path.

        Raises
        ------
        UsageError
            If there is no recording at all.
        SequencerError
            If a sources.csv is damaged.
        """
        self._walk = found = walk(self._storage, self._marks, stop)
        names = [entry.path for entry in found.files]
        recordings = [entry for entry in found.files if self._is_sound(entry)]
        made = self._made_here(names)
        tables = {folder: self._read_sources(path) for folder, path in _tables(found.files).items()}
        strange = [name for name in names if looks_like_sources(PurePosixPath(name).name)]
        offered = [entry for entry in recordings if entry.path not in made]
        rows, warnings = _rows_of(tables, [entry.path for entry in offered])
        self._there = {printable(entry.path) for entry in recordings}
        if self._only is not None:
            self._there &= {printable(self._only)}
            offered = [entry for entry in offered if entry.path == self._only]
            warnings, made = (), made & {self._only}
        self.left_out = {
            reason: sorted(map(printable, paths))
            for reason, paths in ((MADE_HERE, made), *found.skipped.items())
            if paths
        }
        known = {*(entry.path for entry in recordings), *_tables(found.files).values()}
        self._others = sorted(name for name in names if name not in known)
        left_out = found.hidden + sum(map(len, found.skipped.values()))
        # Who names one recording did not ask what else is there.
        self.other_files = len(self._others) + left_out if self._only is None else 0
        self.notes = warnings
        if unread := _no_tables(found):
            self.notes += (unread_sources(unread),)
        if strange and not tables:
            self.notes += (
                f"not read as a table of rights, which is called {SOURCES_NAME}: "
                f"{first_few(strange)}",
            )
        if not offered and not stop():
            raise UsageError(self._nothing())
        return (self._offer(entry, rows) for entry in sorted(offered, key=lambda e: e.path))

    def path_of(self, row: Recording) -> str | None:
        """Return the path at which this folder gave a recording; None if it did not."""
        if row.source is None:
            prefix = f"{self.url}/"
            return row.raw_url.removeprefix(prefix) if row.raw_url.startswith(prefix) else None
        return path_below(self.url, row)

    def has(self, path: str) -> bool | None:
        """Whether there is a recording at a path now; None where that cannot be known."""
        if path in self._there:
            return True
        return False if self._only is None and self._walk.knows(path) else None

    def _nothing(self) -> str:
        reasons = "".join(f"; {why}: {first_few(paths)}" for why, paths in self.left_out.items())
        if self._only is not None:
            return f"{self._storage.url}/{self._only}: no recording by its first bytes{reasons}"
        others = f"; there are {first_few(self._others)}" if self._others else ""
        return (
            f"{self._storage.url}: no audio in this folder "
            f"({counted(self.other_files, 'other file')}); "
            "recordings are known by their suffix, such as .wav, .flac, .ogg, .mp3, .m4a"
            f"{others}{reasons}"
        )

    def _made_here(self, names: Sequence[str]) -> set[str]:
        """Find what stands beside the marks of this program's own work."""
        known = set(names)
        made = {name for name in names if _score_of(name) in known}
        for name in names:
            path = PurePosixPath(name)
            if path.name == CLIPS_NAME:
                made |= known & {str(path.parent / file) for file in self._clips(name)}
        return made

    def _clips(self, path: str) -> Iterator[str]:
        with suppress(BadInput, FileNotFoundError, PermissionError), self._open(path) as lines:
            for line in lines:
                # A line that is damaged lists nothing; the others do.
                with suppress(ValueError, TypeError, KeyError, RecursionError):
                    yield str(json.loads(line)["file"])

    def _open(self, path: str) -> BinaryIO:
        if isinstance(self._storage, LocalStorage):
            return open_plain(Path(self._storage.url) / path)
        return self._storage.open(path)

    def _is_sound(self, entry: Entry) -> bool:
        """Whether a file is a recording by its name, or by its first bytes where names mislead."""
        if not needs_head(entry.path):
            return is_sound(entry.path)
        with suppress(BadInput, FileNotFoundError, PermissionError), self._open(entry.path) as file:
            return is_sound(entry.path, file.read(HEAD_BYTES))
        return False

    def _read_sources(self, path: str) -> dict[str, SourceRow]:
        name = f"{self._storage.url}/{path}"
        try:
            with self._open(path) as stream:
                return read_sources(stream, name)
        except (BadInput, PermissionError) as error:
            raise UsageError(
                f"{name} cannot be read ({error}): without it the rights of its recordings are "
                "not known; let this user read it, or move it away"
            ) from error

    def _offer(self, entry: Entry, rows: Mapping[str, SourceRow]) -> Offer:
        path = PurePosixPath(entry.path)
        row = rows.get(entry.path, SourceRow(path.name, Rights()))
        title = row.rights.title or printable(path.stem)
        url = f"{self._storage.url}/{entry.path}" if self._in_place else None
        return Offer(
            path=entry.path,
            size=entry.size,
            rights=replace(row.rights, title=title),
            categories=row.categories,
            modified=entry.modified,
            open=lambda: self._open(entry.path),
            source=self.url,
            url=url,
        )


def _score_of(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(SCORE_SUFFIX))


def _tables(files: Sequence[Entry]) -> dict[PurePosixPath, str]:
    """Return the table of each folder that has one; of several the one that is spelt as usual."""
    found: dict[PurePosixPath, str] = {}
    for entry in sorted(files, key=lambda entry: (entry.name == SOURCES_NAME, entry.path)):
        if is_sources_name(entry.name):
            found[PurePosixPath(entry.path).parent] = entry.path
    return found


def _no_tables(found: Walk) -> list[str]:
    """Return what is called as a table of rights and is none: a folder, a pipe, a dead link."""
    others = {*found.folders, *(path for paths in found.skipped.values() for path in paths)}
    return sorted(path for path in others if is_sources_name(PurePosixPath(path).name))


def _rows_of(
    tables: Mapping[PurePosixPath, Mapping[str, SourceRow]], paths: Sequence[str]
) -> tuple[dict[str, SourceRow], tuple[str, ...]]:
    """Find the row of each file in the nearest table, and warn of what tables list in vain."""
    rows: dict[str, SourceRow] = {}
    warnings: list[str] = []
    for folder in sorted(tables, key=lambda folder: len(folder.parts)):
        prefix = f"{folder}/" if folder.name else ""
        below = [path.removeprefix(prefix) for path in paths if path.startswith(prefix)]
        found = match_sources(tables[folder], below, f"{prefix}{SOURCES_NAME}")
        rows.update({prefix + name: row for name, row in found.rows.items()})
        warnings += found.warnings
    return rows, tuple(warnings)


def path_below(url: str, row: Recording) -> str | None:
    """Return where in a folder its source had a recording; None if that was elsewhere."""
    full, prefix = f"{row.source}/{row.source_path}", f"{url.rstrip('/')}/"
    return full.removeprefix(prefix) if full.startswith(prefix) else None


def first_few(names: Sequence[str]) -> str:
    """Name a few files, and count the others."""
    shown = ", ".join(one_line(printable(name)) for name in names[:_NAMED])
    more = len(names) - _NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def printable(name: str) -> str:
    """Return a file's name as text that every encoding of Unicode holds."""
    return os.fsencode(name).decode("utf-8", "replace")
