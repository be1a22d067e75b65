"""What a dry run counts of a folder, before and after it was harvested."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.storage.base import Storage
from nsynth_batch.catalog.tombstones import Tombstone, add_tombstone
from nsynth_batch.sources.harvest import harvest
from nsynth_batch.sources.preview import preview
from nsynth_batch.sources.resolve import resolve
from tests.nsynth_batch.recordings import tone, write_wav


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        write_wav(tmp_path / "in" / f"{number}.wav", tone(0.5 + number / 10, 200))
    return tmp_path / "in"


@pytest.fixture
def storage(folder: Path, tmp_path: Path) -> Storage:
    storage = Store.open(str(tmp_path / "store"), create=True).storage
    harvest(resolve(str(folder)), lambda: storage)
    return storage


def test_all_that_a_folder_has_is_new_to_no_store(folder: Path) -> None:
    (folder / "broken.wav").write_bytes(b"RIFF")
    (folder / "sources.csv").write_text("file,author,licence,category\n1.wav,Ann,CC0-1.0,birds\n")
    found, seconds, categories = preview(resolve(str(folder)))
    assert (found.found, found.added) == (4, 4)
    assert found.bytes == sum(path.stat().st_size for path in folder.glob("*.wav"))
    assert seconds == pytest.approx(1.8)
    assert sorted(categories) == [(), (), (), ("birds",)]


def test_what_was_harvested_is_not_new(folder: Path, storage: Storage) -> None:
    before = {entry.path for entry in storage.walk()}
    write_wav(folder / "later.wav", tone(1.0, 300))
    found, seconds, categories = preview(resolve(str(folder)), storage)
    assert (found.found, found.added) == (4, 1)
    assert found.bytes == (folder / "later.wav").stat().st_size
    assert (seconds, categories) == (pytest.approx(1.0), ((),))
    assert {entry.path for entry in storage.walk()} == before


def test_a_renamed_recording_is_known_by_its_content(folder: Path, storage: Storage) -> None:
    (folder / "0.wav").rename(folder / "moved.wav")
    assert preview(resolve(str(folder)), storage)[0].added == 0


def test_a_recording_of_the_size_of_another_is_not_taken_for_it(
    folder: Path, storage: Storage
) -> None:
    write_wav(folder / "like 0.wav", tone(0.5, 777))
    assert (folder / "like 0.wav").stat().st_size == (folder / "0.wav").stat().st_size
    assert preview(resolve(str(folder)), storage)[0].added == 1


def test_what_was_forgotten_and_erased_is_not_new(folder: Path, storage: Storage) -> None:
    erased = next(storage.walk("raw"))
    add_tombstone(storage, Tombstone(erased.name.partition(".")[0]))
    storage.delete(erased.path)
    assert preview(resolve(str(folder)), storage)[0].added == 0
