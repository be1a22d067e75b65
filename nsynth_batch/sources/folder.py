"""A folder of recordings, its sub-folders included, with a sources.csv beside them for rights."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from hdfs_jobs.datasets.store import MARKER
from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Entry, Storage
from hdfs_jobs.storage.local import LocalStorage
from hdfs_jobs.storage.open import scheme_of
from nsynth_batch.sources.source import Offer
from nsynth_batch.text import one_line
from sequencer.audio.suffixes import HEAD_BYTES, is_sound, needs_head
from sequencer.rights.rights import Rights
from sequencer.rights.sources_csv import SOURCES_NAME, SourceRow, read_sources

_NAMED = 5
"""How many files a note names."""


class FolderSource:
    """The recordings below a folder of any storage.

    A store below it is left alone: what it holds are no recordings of this source, and without
    the rights that its catalog has. On HDFS recordings stay where they are, and what Hadoop takes
    for hidden (``_SUCCESS``, ``_temporary``) is none of them.

    Parameters
    ----------
    storage : Storage
        The folder is its root.

    Raises
    ------
    UsageError
        If there is no such folder, or it is a store.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        scheme = scheme_of(storage.url)
        self._in_place, self._marks = scheme.remote, scheme.hidden
        self.other_files = 0
        self.notes: tuple[str, ...] = ()
        try:
            is_folder = storage.stat("").is_dir
        except FileNotFoundError:
            is_folder = False
        if not is_folder:
            raise UsageError(f"{storage.url}: no such folder; SOURCE is a folder of recordings")
        if storage.exists(MARKER):
            raise UsageError(
                f"{storage.url}: a store ({MARKER} is in it); SOURCE is a folder of recordings"
            )

    def offers(self) -> Iterator[Offer]:
        """Yield each recording, by path.

        Raises
        ------
        UsageError
            If there is no recording at all.
        SequencerError
            If a sources.csv is damaged.
        """
        recordings: list[Entry] = []
        tables: dict[PurePosixPath, dict[str, SourceRow]] = {}
        stores: list[str] = []
        dead_links: list[str] = []
        others: list[str] = []
        for entry in self._files(stores, dead_links):
            path = PurePosixPath(entry.path)
            if _is_hidden(path, self._marks):
                others.append(entry.path)
            elif path.name == SOURCES_NAME:
                tables[path.parent] = self._read_sources(entry.path)
            elif is_sound(path.name, self._head(entry)):
                recordings.append(entry)
            else:
                others.append(entry.path)
        self.other_files = len(others) + len(stores) + len(dead_links)
        absent = _listed(tables) - {entry.path for entry in recordings}
        notes = (
            (f"no recording is where a {SOURCES_NAME} lists one", sorted(absent)),
            ("a store is left alone with all that is in it", stores),
            ("a link leads nowhere", dead_links),
        )
        self.notes = tuple(f"{what}: {_first_few(names)}" for what, names in notes if names)
        if not recordings:
            named = f"; there are {_first_few(sorted(others))}" if others else ""
            raise UsageError(
                f"{self._storage.url}: no audio in this folder ({self.other_files} other files); "
                "recordings are known by their suffix, such as .wav, .flac, .ogg, .mp3, .m4a"
                f"{named}"
            )
        return (self._offer(entry, tables) for entry in sorted(recordings, key=lambda e: e.path))

    def _files(self, stores: list[str], dead_links: list[str]) -> Iterator[Entry]:
        """Yield every file outside of stores; note stores and links that lead nowhere."""
        folders = [""]
        while folders:
            folder = folders.pop()
            found = list(self._storage.list(folder))
            if any(entry.name == MARKER and not entry.is_dir for entry in found):
                stores.append(folder)
                continue
            dead_links += _dead_links(self._storage, folder)
            folders += (entry.path for entry in found if entry.is_dir)
            yield from (entry for entry in found if not entry.is_dir)

    def _head(self, entry: Entry) -> bytes:
        """Return the first bytes of a file whose name may be that of sound or not."""
        if not needs_head(entry.path):
            return b""
        with self._storage.open(entry.path) as stream:
            return stream.read(HEAD_BYTES)

    def _read_sources(self, path: str) -> dict[str, SourceRow]:
        with self._storage.open(path) as stream:
            return read_sources(stream, f"{self._storage.url}/{path}")

    def _offer(self, entry: Entry, tables: dict[PurePosixPath, dict[str, SourceRow]]) -> Offer:
        path = PurePosixPath(entry.path)
        row = SourceRow(path.name, Rights())
        for folder in reversed(path.parents):
            listed = tables.get(folder, {})
            row = listed.get(str(path.relative_to(folder)), row)
        title = row.rights.title or printable(path.stem)
        url = f"{self._storage.url}/{entry.path}" if self._in_place else None
        rights = replace(row.rights, title=title)
        return Offer(self._storage, entry.path, entry.size, rights, row.categories, url)


def _listed(tables: dict[PurePosixPath, dict[str, SourceRow]]) -> set[str]:
    return {
        f"{folder}/{name}" if folder.name else name
        for folder, rows in tables.items()
        for name in rows
    }


def _dead_links(storage: Storage, folder: str) -> Iterator[str]:
    """Find what a storage does not list, because nothing is there to be read."""
    if not isinstance(storage, LocalStorage):
        return
    with os.scandir(Path(storage.url) / folder) as found:
        for item in found:
            if item.is_symlink() and not Path(item.path).exists():
                yield f"{folder}/{item.name}" if folder else item.name


def _first_few(names: Sequence[str]) -> str:
    shown = ", ".join(one_line(printable(name)) for name in names[:_NAMED])
    more = len(names) - _NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def _is_hidden(path: PurePosixPath, marks: tuple[str, ...]) -> bool:
    """Whether a person sees a file: ._song.wav is what macOS leaves beside song.wav, not audio."""
    return any(part.startswith(marks) for part in path.parts)


def printable(name: str) -> str:
    """Return a file's name as text that every encoding of Unicode holds."""
    return os.fsencode(name).decode("utf-8", "replace")
