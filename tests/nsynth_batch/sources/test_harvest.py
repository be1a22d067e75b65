"""Recordings and their rights into a store."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.catalog.catalog import Catalog
from nsynth_batch.pipeline.audio import audio_items
from nsynth_batch.sources.counts import Harvest
from nsynth_batch.sources.harvest import harvest
from nsynth_batch.sources.resolve import resolve
from tests.nsynth_batch.recordings import tone, write_wav


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.wav", "c.FLAC"):
        write_wav(tmp_path / "in" / name)
    return tmp_path / "in"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(str(tmp_path / "store"))


def take(folder: Path, storage: Storage, stop: threading.Event | None = None) -> Harvest:
    return harvest(resolve(str(folder)), lambda: storage, stop=stop)


def raw(storage: Storage) -> dict[str, bytes]:
    return {entry.path: storage.read_bytes(entry.path) for entry in storage.walk("raw")}


def test_bytes_are_kept_as_they_are_under_their_sha1(folder: Path, storage: Storage) -> None:
    report = take(folder, storage)
    assert (report.found, report.added, report.duplicates) == (3, 3, 0)
    assert report.bytes == sum(path.stat().st_size for path in folder.iterdir())
    expected = {}
    for path in folder.iterdir():
        sha1 = hashlib.sha1(path.read_bytes()).hexdigest()
        expected[f"raw/{sha1[:2]}/{sha1}{path.suffix.lower()}"] = path.read_bytes()
    assert raw(storage) == expected


def test_the_catalog_says_what_came(folder: Path, storage: Storage) -> None:
    (folder / "sources.csv").write_text(
        "file,title,author,licence,category,source_url\n"
        "a.wav,Ä tone,Somebody,CC-BY-4.0,music;nature,https://example.org/a\n"
    )
    report = take(folder, storage)
    rows = {row.title: row for row in Catalog(storage).recordings().values()}
    a = rows["Ä tone"]
    assert (a.author, a.licence, a.categories) == ("Somebody", "CC-BY-4.0", ("music", "nature"))
    assert (a.page_url, a.licence_url) == (
        "https://example.org/a",
        "https://creativecommons.org/licenses/by/4.0/",
    )
    assert a.duration == pytest.approx(0.3)
    assert storage.read_bytes(a.raw_url) == (folder / "a.wav").read_bytes()
    assert rows["b"].licence == "LicenseRef-unknown"
    assert rows["b"].usable
    assert report.without_rights == 2


def test_a_second_harvest_changes_nothing(folder: Path, storage: Storage) -> None:
    take(folder, storage)
    before = {entry.path for entry in storage.walk()}
    report = take(folder, storage)
    assert (report.found, report.added, report.updated, report.bytes) == (3, 0, 0, 0)
    assert {entry.path for entry in storage.walk()} == before


def test_new_recordings_and_changed_rights_are_added(folder: Path, storage: Storage) -> None:
    take(folder, storage)
    first = list(Catalog(storage).recordings())
    write_wav(folder / "new.wav")
    (folder / "sources.csv").write_text("file,author,licence\nb.wav,Found out,CC0-1.0\n")
    report = take(folder, storage)
    assert (report.added, report.updated) == (1, 1)
    recordings = Catalog(storage).recordings()
    assert list(recordings)[:3] == first
    assert {row.title: row.licence for row in recordings.values()} == {
        "a": "LicenseRef-unknown",
        "b": "CC0-1.0",
        "c": "LicenseRef-unknown",
        "new": "LicenseRef-unknown",
    }


def test_the_same_content_twice_is_one_recording(folder: Path, storage: Storage) -> None:
    (folder / "z copy.wav").write_bytes((folder / "a.wav").read_bytes())
    report = take(folder, storage)
    assert (report.found, report.added, report.duplicates) == (4, 3, 1)
    assert sorted(row.title for row in Catalog(storage).recordings().values()) == ["a", "b", "c"]


def test_what_was_copied_before_a_kill_is_not_copied_again(folder: Path, storage: Storage) -> None:
    take(folder, storage)
    storage.delete("catalog", recursive=True)
    report = take(folder, storage)
    assert report.added == 0
    assert len(Catalog(storage).recordings()) == 3


def test_a_harvest_that_is_asked_to_stop_keeps_what_it_has(folder: Path, storage: Storage) -> None:
    stop = threading.Event()
    stop.set()
    assert take(folder, storage, stop).drained
    assert len(Catalog(storage).recordings()) == 0
    assert not take(folder, storage).drained
    assert len(Catalog(storage).recordings()) == 3


def test_a_source_with_nothing_makes_no_store(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    opened: list[str] = []

    def open_store() -> Storage:
        opened.append("store")
        return open_storage(str(tmp_path / "store"))

    with pytest.raises(UsageError, match="no audio"):
        harvest(resolve(str(tmp_path / "in")), open_store)
    assert not opened


def test_the_same_content_under_another_suffix_is_not_copied_again(
    folder: Path, storage: Storage
) -> None:
    take(folder, storage)
    before = raw(storage)
    [first, *_] = sorted(folder.glob("*.wav"))
    first.rename(first.with_suffix(".wave.flac"))
    (folder / "twin.aiff").write_bytes(first.with_suffix(".wave.flac").read_bytes())
    again = take(folder, storage)
    assert again.added == 0
    assert raw(storage) == before


HEADER = "file,title,author,licence\n"


def test_a_harvest_of_the_folder_that_holds_the_store_keeps_the_rights(folder: Path) -> None:
    (folder / "sources.csv").write_text(f"{HEADER}a.wav,A tone,Somebody,CC-BY-4.0\n")
    inside = Store.open(str(folder / "nsynth-store"), create=True).storage
    take(folder, inside)
    before = dict(Catalog(inside).recordings())
    again = take(folder, inside)
    assert (again.found, again.updated, again.duplicates, again.other_files) == (3, 0, 0, 1)
    assert again.notes == ("a store is left alone with all that is in it: nsynth-store",)
    assert dict(Catalog(inside).recordings()) == before


def test_what_has_rights_keeps_them_when_it_comes_without(
    folder: Path, storage: Storage, tmp_path: Path
) -> None:
    (folder / "sources.csv").write_text(f"{HEADER}a.wav,A tone,Somebody,CC-BY-4.0\n")
    take(folder, storage)
    before = dict(Catalog(storage).recordings())
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "0123.wav").write_bytes((folder / "a.wav").read_bytes())
    report = take(tmp_path / "bare", storage)
    assert (report.updated, report.without_rights) == (0, 0)
    assert dict(Catalog(storage).recordings()) == before
    (tmp_path / "bare" / "sources.csv").write_text(f"{HEADER}0123.wav,,Another,CC0-1.0\n")
    assert take(tmp_path / "bare", storage).contradictions == 1
    assert dict(Catalog(storage).recordings()) == before
    (tmp_path / "bare" / "sources.csv").write_text(f"{HEADER}0123.wav,,Another,CC-BY-SA-4.0\n")
    assert take(tmp_path / "bare", storage).updated == 1
    row = Catalog(storage).recordings()[hashlib.sha1((folder / "a.wav").read_bytes()).hexdigest()]
    assert (row.title, row.author, row.licence) == ("0123", "Another", "CC-BY-SA-4.0")


@pytest.mark.parametrize("later", ["0 copy.wav", "z copy.wav"])
def test_of_two_alike_the_one_with_rights_stands(
    folder: Path, storage: Storage, later: str
) -> None:
    (folder / later).write_bytes((folder / "a.wav").read_bytes())
    file_id = hashlib.sha1((folder / "a.wav").read_bytes()).hexdigest()

    def listed(name: str, licence: str) -> None:
        (folder / "sources.csv").write_text(f"{HEADER}{name},Named,Somebody,{licence}\n")

    listed(later, "CC-BY-4.0")
    report = take(folder, storage)
    assert (report.found, report.added, report.duplicates, report.updated) == (4, 3, 1, 0)
    assert report.without_rights == 2
    assert Catalog(storage).recordings()[file_id].licence == "CC-BY-4.0"
    assert take(folder, storage).updated == 0
    listed("a.wav", "CC-BY-SA-4.0")
    assert take(folder, storage).updated == 1
    row = Catalog(storage).recordings()[file_id]
    assert (row.licence, row.source_path) == ("CC-BY-SA-4.0", "a.wav")


def test_rights_found_for_a_later_copy_are_one_update(folder: Path, storage: Storage) -> None:
    take(folder, storage)
    (folder / "a.wav").rename(folder / "a renamed.wav")
    (folder / "z copy.wav").write_bytes((folder / "a renamed.wav").read_bytes())
    (folder / "sources.csv").write_text(f"{HEADER}z copy.wav,Named,Somebody,CC0-1.0\n")
    report = take(folder, storage)
    assert (report.updated, report.without_rights) == (1, 2)


def test_a_duplicate_without_a_licence_is_not_counted_again(folder: Path, storage: Storage) -> None:
    for name in ("y copy.wav", "z copy.wav"):
        (folder / name).write_bytes((folder / "a.wav").read_bytes())
    assert take(folder, storage).without_rights == 3


def test_recordings_of_one_title_are_told_apart_by_their_path(
    tmp_path: Path, storage: Storage
) -> None:
    for name in ("cut.wav", "cut.flac", "sub/dir/cut.wav"):
        write_wav(tmp_path / "in" / name, tone(0.3, 100.0 + len(name)))
    (tmp_path / "in" / "sources.csv").write_text(f"{HEADER}cut.wav,The cut,Somebody,CC0-1.0\n")
    take(tmp_path / "in", storage)
    rows = list(Catalog(storage).recordings().values())
    assert {(row.source_path, row.title) for row in rows} == {
        ("cut.wav", "The cut"),
        ("cut.flac", "cut"),
        ("sub/dir/cut.wav", "cut"),
    }
    assert {item.title for item in audio_items(rows)} == {row.source_path for row in rows}
    before = replace(rows[0], source_path=None)
    assert next(audio_items([before])).title == before.title


def test_a_missing_raw_file_comes_back_by_another_harvest(folder: Path, storage: Storage) -> None:
    take(folder, storage)
    before = raw(storage)
    storage.delete(next(iter(before)))
    assert take(folder, storage).added == 1
    assert raw(storage) == before
