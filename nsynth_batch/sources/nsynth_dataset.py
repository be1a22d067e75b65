"""The NSynth data set as it is published: TFRecord files, or json and wav in tars or folders."""

from __future__ import annotations

import io
import json
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.settings.choices import Split
from nsynth_batch.sources.filters import HarvestFilter
from nsynth_batch.sources.folder import FolderSource, path_below, printable
from nsynth_batch.sources.nsynth_notes import RIGHTS, Note, note_of_json, note_of_record
from nsynth_batch.sources.source import Offer, Stop
from nsynth_batch.sources.tfrecords import DamagedError, example, records

PREFIX = "nsynth:"

NO_NOTE = "no note of the data set by its name"
OTHER_FORM = "its part of the data set is there in another form, too"

_PART = re.compile(r"nsynth-(train|valid|test)(?:\.jsonwav)?(|\.tar|\.tar\.gz|\.tfrecord)")
_SPLITS: Mapping[str, Split] = {"train": "training", "valid": "validation", "test": "test"}
# Of a part that is there in several forms: what is opened at once before what is unpacked.
_FORMS = ("", ".tar", ".tar.gz", ".tfrecord")
_EXAMPLES = "examples.json"
_AUDIO = re.compile(r"(?:^|/)audio/([^/]+)\.wav$")


@dataclass(frozen=True)
class _Part:
    """A part of the data set, and the suffix that tells its form."""

    name: str
    split: str
    form: str

    @property
    def folder(self) -> str:
        """The folder that it unpacks to: notes are called alike in all forms."""
        return f"nsynth-{self.split}/" if self.form else f"{self.name}/"


class NSynthSource:
    """The notes of the NSynth data set, each with what is known of it as categories.

    Notes in folders of wav files are taken as any recordings are; those in tars and TFRecord files
    are copied out.

    Parameters
    ----------
    path : str
        The folder, on any storage, that holds ``nsynth-train``, ``nsynth-valid`` or
        ``nsynth-test``: as a folder, as ``.jsonwav.tar.gz`` or ``.tar``, or as ``.tfrecord``; or
        one of these.
    wanted : HarvestFilter
        Which of the notes are taken.
    split : Split, optional
        The one part that is taken.

    Raises
    ------
    UsageError
        If there is none of these.
    """

    def __init__(self, path: str, wanted: HarvestFilter, split: Split | None = None) -> None:
        self._storage, only = _place(path)
        self.url = self._storage.url
        found = [part for part in _parts(self._storage) if only in (None, part.name)]
        if not found:
            raise UsageError(
                f"{path}: no part of the NSynth data set; nsynth: reads nsynth-train, nsynth-valid "
                "and nsynth-test as they are published: .tfrecord, .jsonwav.tar.gz, or what that "
                "unpacks to"
            )
        best = {part.split: part for part in reversed(found)}
        self._others = [part.name for part in found if part not in best.values()]
        self._parts = [
            best[name]
            for name, known_as in _SPLITS.items()
            if name in best and split in (None, known_as)
        ]
        if not self._parts:
            there = ", ".join(part.name for part in best.values())
            raise UsageError(f"{path}: nothing of --split {split} in it; there are {there}")
        self._there: set[str] = set()
        self._whole = False
        self._left_out: dict[str, list[str]] = {}
        self.wanted = wanted
        self.other_files = 0
        self.left_out: Mapping[str, Sequence[str]] = {}
        self.notes: tuple[str, ...] = ()

    def offers(self, stop: Stop = lambda: False) -> Iterator[Offer]:
        """Yield each note, part after part, in the order in which a part has it.

        Raises
        ------
        UsageError
            If a part has no list of its notes, or a damaged one.
        """
        self._there, self._whole, self.notes = set(), False, ()
        self.left_out = self._left_out = {OTHER_FORM: self._others} if self._others else {}
        forms = {"": self._of_folder, ".tfrecord": self._of_records}
        # A part's list is read at once, so that a damaged one is found before anything is taken.
        parts = [forms.get(part.form, self._of_tar)(part, stop) for part in self._parts]
        return self._noted(parts)

    def path_of(self, row: Recording) -> str | None:
        """Return the path at which this data set gave a recording; None if it did not."""
        return path_below(self.url, row)

    def has(self, path: str) -> bool | None:
        """Whether there is a note at a path now; None where that cannot be known."""
        if path in self._there:
            return True
        mine = any(path.startswith(part.folder) for part in self._parts)
        return False if mine and self._whole else None

    def _noted(self, parts: Sequence[Iterator[Offer]]) -> Iterator[Offer]:
        for part in parts:
            for offer in part:
                self._there.add(printable(offer.path))
                yield offer
        self._whole = not self.notes

    def _of_folder(self, part: _Part, stop: Stop) -> Iterator[Offer]:
        where = f"{self.url}/{part.name}"
        notes = _examples(self._storage.open(part.folder + _EXAMPLES), where)
        source = FolderSource(open_storage(where), self.wanted)
        found = list(source.offers(stop))
        # Its list is the one file that is no recording.
        self.other_files += source.other_files - 1
        for reason, paths in source.left_out.items():
            self._left_out.setdefault(reason, []).extend(part.folder + path for path in paths)
        return self._in_folder(part, notes, found)

    def _in_folder(
        self, part: _Part, notes: Mapping[str, Any], found: Sequence[Offer]
    ) -> Iterator[Offer]:
        for offer in found:
            path = part.folder + offer.path
            named = _AUDIO.search(path)
            if named is None or named[1] not in notes:
                self._left_out.setdefault(NO_NOTE, []).append(printable(path))
                continue
            note = note_of_json(named[1], notes[named[1]])
            rights = replace(RIGHTS, title=note.name)
            yield replace(
                offer, path=path, source=self.url, rights=rights, categories=note.categories
            )

    def _of_tar(self, part: _Part, stop: Stop) -> Iterator[Offer]:
        """Find an archive's list, which may stand behind the notes, and go through it again."""
        where = f"{self.url}/{part.name}"
        try:
            for member, file in self._members(part, stop):
                if member.name.rpartition("/")[2] == _EXAMPLES:
                    return self._in_tar(part, _examples(file, where), stop)
        except DamagedError as error:
            raise UsageError(f"{where} is damaged ({error}): fetch it again") from error
        if stop():
            return iter(())
        raise UsageError(f"{where}: no {_EXAMPLES} in it, which lists its notes")

    def _in_tar(self, part: _Part, notes: Mapping[str, Any], stop: Stop) -> Iterator[Offer]:
        modified = self._storage.stat(part.name).modified
        try:
            for member, file in self._members(part, stop):
                named = _AUDIO.search(member.name)
                if named is None:
                    self.other_files += member.name.rpartition("/")[2] != _EXAMPLES
                elif named[1] not in notes:
                    self._left_out.setdefault(NO_NOTE, []).append(printable(member.name))
                else:
                    note = note_of_json(named[1], notes[named[1]])
                    yield self._offer(part, note, file.read(), modified)
        except DamagedError as error:
            self._damaged(part, error)

    def _members(self, part: _Part, stop: Stop) -> Iterator[tuple[tarfile.TarInfo, BinaryIO]]:
        """Yield the plain files of an archive, one after the other.

        Raises
        ------
        DamagedError
            It cannot be read further.
        """
        last = "its beginning"
        with self._storage.open(part.name) as stream:
            try:
                with tarfile.open(fileobj=stream, mode="r|*") as archive:
                    for member in archive:
                        if stop():
                            return
                        file = archive.extractfile(member) if member.isfile() else None
                        if file is not None:
                            yield member, io.BytesIO(file.read())
                            last = member.name
            except (tarfile.TarError, zlib.error, EOFError) as error:
                raise DamagedError(f"{error}, behind {last}") from error

    def _of_records(self, part: _Part, stop: Stop) -> Iterator[Offer]:
        modified = self._storage.stat(part.name).modified
        with self._storage.open(part.name) as stream:
            try:
                for number, data in enumerate(records(stream)):
                    if stop():
                        return
                    yield self._of_record(part, number, data, modified)
            except DamagedError as error:
                self._damaged(part, error)

    def _of_record(self, part: _Part, number: int, data: bytes | None, modified: float) -> Offer:
        try:
            if data is None:
                raise ValueError("its checksum does not fit")
            note, sound = note_of_record(example(data))
        except ValueError as error:
            why = OSError(f"{part.name}, record {number:,}: {error}")
            return replace(
                self._offer(part, Note(f"record-{number}"), b"", modified), open=_refusing(why)
            )
        return self._offer(part, note, sound, modified)

    def _damaged(self, part: _Part, error: DamagedError) -> None:
        self.notes += (
            f"{self.url}/{part.name} is damaged ({error}): what stands behind was not taken; "
            "fetch it again",
        )

    def _offer(self, part: _Part, note: Note, sound: bytes, modified: float) -> Offer:
        return Offer(
            path=f"{part.folder}audio/{note.name}.wav",
            size=len(sound),
            rights=replace(RIGHTS, title=note.name),
            categories=note.categories,
            modified=modified,
            open=lambda: io.BytesIO(sound),
            source=self.url,
        )


def _refusing(why: OSError) -> Callable[[], BinaryIO]:
    def refuse() -> BinaryIO:
        raise why

    return refuse


def _place(path: str) -> tuple[Storage, str | None]:
    """Return the folder that parts are looked for in, and the one part that is meant."""
    storage = open_storage(str(Path(path).expanduser()) if path.startswith("~") else path)
    name = storage.url.rstrip("/").rpartition("/")[2]
    parent = storage.parent()
    if parent is not None and _PART.fullmatch(name):
        return parent, name
    return storage, None


def _parts(storage: Storage) -> list[_Part]:
    """Find the parts of a folder, those in the form that is read with the least trouble first."""
    found = []
    try:
        for entry in storage.list(""):
            named = _PART.fullmatch(entry.name)
            if named and (named[2] or storage.exists(f"{entry.name}/{_EXAMPLES}")):
                found.append(_Part(entry.name, named[1], named[2]))
    except (FileNotFoundError, NotADirectoryError):
        return []
    order = list(_SPLITS)
    return sorted(found, key=lambda part: (order.index(part.split), _FORMS.index(part.form)))


def _examples(stream: BinaryIO, where: str) -> dict[str, Any]:
    try:
        with stream:
            found = json.load(stream)
    except ValueError as error:
        raise UsageError(f"{where}: its {_EXAMPLES} is damaged: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{where}: its {_EXAMPLES} lists no notes by their names")
    return found
