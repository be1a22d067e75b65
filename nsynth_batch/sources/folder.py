"""A folder of recordings, its sub-folders included, with a sources.csv beside them for rights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from hdfs_jobs.backend import Entry, Storage
from hdfs_jobs.errors import UsageError
from nsynth_batch.sources.source import Offer
from sequencer.audio import is_audio_name
from sequencer.rights import SOURCES_NAME, Rights, SourceRow, read_sources


class FolderSource:
    """The recordings below a folder of any storage.

    Parameters
    ----------
    storage : Storage
        The folder is its root.

    Raises
    ------
    UsageError
        If there is no such folder.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.other_files = 0
        try:
            is_folder = storage.stat("").is_dir
        except FileNotFoundError:
            is_folder = False
        if not is_folder:
            raise UsageError(f"{storage.url}: no such folder; SOURCE is a folder of recordings")

    def offers(self) -> Iterator[Offer]:
        """Give each recording, by path.

        Raises
        ------
        UsageError
            If there is no recording at all.
        SequencerError
            If a sources.csv is damaged.
        """
        self.other_files = 0
        recordings: list[Entry] = []
        tables: dict[PurePosixPath, dict[str, SourceRow]] = {}
        for entry in self._storage.walk():
            path = PurePosixPath(entry.path)
            if path.name == SOURCES_NAME:
                tables[path.parent] = self._read_sources(entry.path)
            elif is_audio_name(path.name) and not _is_hidden(path):
                recordings.append(entry)
            else:
                self.other_files += 1
        if not recordings:
            raise UsageError(
                f"{self._storage.url}: no audio in this folder ({self.other_files} other files); "
                "recordings are known by their suffix, such as .wav, .flac, .ogg, .mp3"
            )
        return (self._offer(entry, tables) for entry in sorted(recordings, key=lambda e: e.path))

    def _read_sources(self, path: str) -> dict[str, SourceRow]:
        with self._storage.open(path) as stream:
            return read_sources(stream)

    def _offer(self, entry: Entry, tables: dict[PurePosixPath, dict[str, SourceRow]]) -> Offer:
        path = PurePosixPath(entry.path)
        row = SourceRow(path.name, Rights())
        for folder in reversed(path.parents):
            listed = tables.get(folder, {})
            row = listed.get(str(path.relative_to(folder)), row)
        title = row.rights.title or printable(path.stem)
        return Offer(
            self._storage, entry.path, entry.size, replace(row.rights, title=title), row.categories
        )


def _is_hidden(path: PurePosixPath) -> bool:
    """Whether a person sees a file: ._song.wav is what macOS leaves beside song.wav, not audio."""
    return any(part.startswith(".") for part in path.parts)


def printable(name: str) -> str:
    """Give a file's name as text that every encoding of Unicode holds."""
    return os.fsencode(name).decode("utf-8", "replace")
