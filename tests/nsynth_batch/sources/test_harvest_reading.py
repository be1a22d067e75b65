"""Recordings that cannot be read, change, or are this program's own: left out, each by itself."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import soundfile

from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.catalog.catalog import Catalog
from nsynth_batch.sources.counts import Harvest
from nsynth_batch.sources.folder import MADE_HERE
from nsynth_batch.sources.folder_walk import NO_PLAIN_FILE, UNREADABLE, VANISHED
from nsynth_batch.sources.harvest import harvest
from nsynth_batch.sources.quarantine import HarvestQuarantine
from nsynth_batch.sources.resolve import resolve
from nsynth_batch.sources.selection import CHANGED
from nsynth_batch.sources.source import Offer, Source
from tests.nsynth_batch.recordings import tone, write_wav


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(("a.wav", "b.wav", "c.wav")):
        write_wav(tmp_path / "in" / name, tone(0.3, 300.0 + 40 * number))
    return tmp_path / "in"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(str(tmp_path / "store"))


class Between:
    """A source whose offers something happens to between listing and reading."""

    def __init__(self, source: Source, change: Callable[[Offer], Offer]) -> None:
        self._source = source
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def offers(self, stop: Callable[[], bool] = lambda: False) -> Any:
        return [self._change(offer) for offer in self._source.offers(stop)]


def take(folder: Path, storage: Storage, change: Callable[[Offer], Offer]) -> Harvest:
    return harvest(Between(resolve(str(folder)), change), lambda: storage)


def names(storage: Storage) -> set[str | None]:
    return {row.source_path for row in Catalog(storage).recordings().values()}


def vanish(path: Path) -> None:
    path.unlink()


def become_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("happens", "reason"),
    [(vanish, VANISHED), (become_pipe, NO_PLAIN_FILE), (become_folder, NO_PLAIN_FILE)],
)
def test_what_happens_to_one_file_after_it_was_listed(
    folder: Path, storage: Storage, happens: Callable[[Path], None], reason: str
) -> None:
    def change(offer: Offer) -> Offer:
        if offer.path == "b.wav":
            happens(folder / offer.path)
        return offer

    report = take(folder, storage, change)
    assert (report.found, report.added) == (2, 2)
    assert report.skipped == {reason: 1}
    assert f"{reason}: b.wav" in report.notes
    assert names(storage) == {"a.wav", "c.wav"}


class Failing:
    """A stream whose reads fail from some byte on, as on a bad disk or after a chmod."""

    def __init__(self, stream: BinaryIO, error: OSError, good: int) -> None:
        self._stream, self._error, self._good = stream, error, good

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> Failing:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, size: int = -1) -> bytes:
        if self._stream.tell() >= self._good:
            raise self._error
        return self._stream.read(min(size, self._good) if size > 0 else self._good)


@pytest.mark.parametrize("good", [0, 60, 1 << 12])
def test_a_recording_that_may_not_be_read_any_more_is_left_out(
    folder: Path, storage: Storage, good: int
) -> None:
    def change(offer: Offer) -> Offer:
        error = PermissionError(13, "Permission denied", offer.path)
        opened: Any = lambda: Failing(offer.open(), error, good)  # noqa: E731
        return replace(offer, open=opened) if offer.path == "b.wav" else offer

    report = take(folder, storage, change)
    assert report.skipped == {UNREADABLE: 1}
    assert names(storage) == {"a.wav", "c.wav"}


@pytest.mark.parametrize("good", [0, 60, 1 << 12])
def test_a_disk_that_fails_at_one_recording_quarantines_it_until_it_is_read(
    folder: Path, storage: Storage, good: int
) -> None:
    def change(offer: Offer) -> Offer:
        opened: Any = lambda: Failing(offer.open(), OSError(5, "Input/output error"), good)  # noqa: E731
        return replace(offer, open=opened) if offer.path == "b.wav" else offer

    report = take(folder, storage, change)
    assert report.quarantined == {"unreadable": 1}
    assert names(storage) == {"a.wav", "c.wav"}
    [entry] = HarvestQuarantine(storage).known.values()
    assert entry.name == f"{folder}/b.wav"
    assert "Input/output error" in entry.detail
    assert take(folder, storage, lambda offer: offer).added == 1
    assert not HarvestQuarantine(storage).known


def test_a_recording_that_is_still_written_is_taken_by_the_next_harvest(
    folder: Path, storage: Storage
) -> None:
    class Growing(Failing):
        def __init__(self, stream: BinaryIO) -> None:
            super().__init__(stream, OSError(), 0)
            self._ends = 0

        def read(self, size: int = -1) -> bytes:
            block = self._stream.read(size)
            if not block and size > 0:
                self._ends += 1
                with (folder / "b.wav").open("ab") as more:
                    more.write(bytes(2))
            return block

    def change(offer: Offer) -> Offer:
        opened: Any = lambda: Growing(offer.open())  # noqa: E731
        return replace(offer, open=opened) if offer.path == "b.wav" else offer

    report = take(folder, storage, change)
    assert report.skipped == {CHANGED: 1}
    assert names(storage) == {"a.wav", "c.wav"}
    assert take(folder, storage, lambda offer: offer).added == 1


def test_a_failing_store_is_not_the_recordings_fault(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        harvest(resolve(str(folder)), lambda: open_storage(str(tmp_path / "file" / "store")))


def test_a_stop_ends_within_a_large_file(folder: Path, storage: Storage) -> None:
    stop = threading.Event()

    def change(offer: Offer) -> Offer:
        def opened() -> BinaryIO:
            stop.set()
            return offer.open()

        return replace(offer, open=opened)

    report = harvest(Between(resolve(str(folder)), change), lambda: storage, stop=stop)
    assert report.drained
    assert names(storage) == set()


def test_what_this_program_made_is_known_by_what_lies_beside_it(
    folder: Path, storage: Storage
) -> None:
    for name in ("clips/one.wav", "clips/own.wav", "piece.wav", "sub/piece.flac"):
        write_wav(folder / name, tone(0.3, 900.0 + len(name)))
    (folder / "clips" / "clips.jsonl").write_text('{"file": "one.wav"}\nnot json\n[]\n')
    (folder / "piece.score.json").write_text("{}")
    (folder / "sub" / "piece.score.json").write_text("{}")
    report = take(folder, storage, lambda offer: offer)
    assert names(storage) == {"a.wav", "b.wav", "c.wav", "clips/own.wav"}
    assert f"{MADE_HERE}: clips/one.wav, piece.wav, sub/piece.flac" in report.notes
    assert report.skipped == {MADE_HERE: 3}


@pytest.mark.parametrize("suffix", [".flac", ".ogg"])
def test_what_this_program_made_is_known_by_its_mark(
    folder: Path, storage: Storage, suffix: str
) -> None:
    with soundfile.SoundFile(folder / f"renamed{suffix}", "w", 16_000, 1) as out:
        out.software, out.comment = "sequencer", "Made from 2 clips of 3 recordings; and so on"
        out.write(tone(0.3))
    with soundfile.SoundFile(folder / f"other{suffix}", "w", 16_000, 1) as out:
        out.software, out.comment = "another sequencer", "Made from scratch"
        out.write(tone(0.4))
    report = take(folder, storage, lambda offer: offer)
    assert f"{MADE_HERE}: renamed{suffix}" in report.notes
    assert names(storage) == {"a.wav", "b.wav", "c.wav", f"other{suffix}"}


def test_what_was_harvested_before_it_was_known_for_our_own_is_withdrawn(
    folder: Path, storage: Storage
) -> None:
    take(folder, storage, lambda offer: offer)
    (folder / "b.score.json").write_text("{}")
    assert take(folder, storage, lambda offer: offer).deleted == 1
