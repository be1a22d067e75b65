"""The Free Music Archive's dump as it is published: tables of tracks, and folders of mp3 files."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.settings.choices import Split
from nsynth_batch.sources.filters import HarvestFilter
from nsynth_batch.sources.fma_tables import TRACKS, Track, read_tracks
from nsynth_batch.sources.folder import FolderSource, printable
from nsynth_batch.sources.source import Offer, Stop

PREFIX = "fma:"

OTHER_SPLIT = "another --split"
TWICE = "its track is in another folder of the dump"
NO_TRACK = "no track of the dump by its name"

_TRACK = re.compile(r"(?:^|/)(\d{3})/(\1\d{3})\.mp3$", re.IGNORECASE)
# Of a track that several folders have, the whole one is taken before a clip of 30 s.
_FOLDERS = ("fma_full", "fma_large", "fma_medium", "fma_small")
# An artist whose tracks are of several splits in equal number is held out.
_SPLITS: tuple[Split, ...] = ("test", "validation", "training")


class FmaSource:
    """The tracks of a dump of the Free Music Archive.

    Parameters
    ----------
    path : str
        The folder, on any storage, that holds ``fma_metadata`` and ``fma_small``, ``fma_full`` or
        the like; or one of the latter beside ``fma_metadata``.
    wanted : HarvestFilter
        Which of the tracks are taken.
    split : Split, optional
        The one split that is taken. No artist is in two.

    Raises
    ------
    UsageError
        If there is no such folder, or no table of tracks.
    """

    def __init__(self, path: str, wanted: HarvestFilter, split: Split | None = None) -> None:
        storage = open_storage(str(Path(path).expanduser()) if path.startswith("~") else path)
        self._folder = FolderSource(storage, wanted)
        self._tables = _with_tables(storage)
        self._split = split
        self.wanted = wanted
        self.other_files = 0
        self.left_out: Mapping[str, Sequence[str]] = {}
        self.notes: tuple[str, ...] = ()

    def offers(self, stop: Stop = lambda: False) -> Iterator[Offer]:
        """Yield each track that there is a file of, by path.

        Raises
        ------
        UsageError
            If there is no track at all, or a table is damaged.
        """
        found = sorted(self._folder.offers(stop), key=_by_folder)
        tracks = read_tracks(self._tables, split=self._split is not None)
        splits, divided = splits_by_artist(tracks.values())
        left_out: dict[str, list[str]] = defaultdict(list)
        taken: dict[int, Offer] = {}
        for offer in found:
            named = _TRACK.search(offer.path)
            number = int(named[2]) if named else -1
            track = tracks.get(number)
            if named is None:
                left_out[NO_TRACK].append(printable(offer.path))
            elif number in taken:
                left_out[TWICE].append(printable(offer.path))
            elif self._split and (track is None or splits.get(track.artist) != self._split):
                left_out[OTHER_SPLIT].append(printable(offer.path))
            else:
                taken[number] = offer if track is None else _with_track(offer, track)
        if not taken and OTHER_SPLIT not in left_out and not stop():
            raise UsageError(
                f"{self._folder.url}: no track of the Free Music Archive; its files are called as "
                "in fma_small/012/012345.mp3"
            )
        self.other_files = self._folder.other_files
        self.left_out = {**self._folder.left_out, **left_out}
        self.notes = self._folder.notes
        if unlisted := sum(number not in tracks for number in taken):
            have = "track has" if unlisted == 1 else "tracks have"
            self.notes += (f"{unlisted} {have} no row in {TRACKS}, and so no rights",)
        if self._split and divided:
            self.notes += (
                f"{len(divided)} artists are published in several splits: each is wholly in the "
                "one that most of its tracks are in",
            )
        return iter(sorted(taken.values(), key=lambda offer: offer.path))

    def path_of(self, row: Recording) -> str | None:
        """Return the path at which this dump gave a recording; None if it did not."""
        return self._folder.path_of(row)

    def has(self, path: str) -> bool | None:
        """Whether there is a recording at a path now; None where that cannot be known."""
        return self._folder.has(path)


def splits_by_artist(tracks: Iterable[Track]) -> tuple[dict[str, Split], list[str]]:
    """Find the one split of each artist: the one that most of its tracks are published in.

    Returns
    -------
    (dict of str to Split, list of str)
        The split of each artist, and the artists that are published in several.
    """
    counts: dict[str, Counter[Split]] = defaultdict(Counter)
    for track in tracks:
        if track.split is not None:
            counts[track.artist][track.split] += 1
    splits = {artist: max(_SPLITS, key=count.__getitem__) for artist, count in counts.items()}
    return splits, [artist for artist, count in counts.items() if len(count) > 1]


def _with_tables(storage: Storage) -> Storage:
    """Return the folder that holds the tables: this one, or the one above."""
    for place in (storage, storage.parent()):
        if place is not None and place.exists(TRACKS):
            return place
    raise UsageError(
        f"{storage.url}: no {TRACKS} in it or beside it; fma: reads the dump of the Free Music "
        "Archive as it is published, with fma_metadata.zip unpacked there"
    )


def _by_folder(offer: Offer) -> tuple[int, str]:
    parts = offer.path.split("/")
    rank = next((k for k, name in enumerate(_FOLDERS) if name in parts), len(_FOLDERS))
    return rank, offer.path


def _with_track(offer: Offer, track: Track) -> Offer:
    rights = replace(track.rights, title=track.rights.title or offer.rights.title)
    return replace(offer, rights=rights, categories=(track.genre,) if track.genre else ())
