"""A folder's present is what counts: what it lost or replaced is withdrawn, and comes back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.catalog.catalog import Catalog
from nsynth_batch.sources.counts import Harvest
from nsynth_batch.sources.harvest import FEW_MISSING, harvest
from nsynth_batch.sources.resolve import resolve
from tests.nsynth_batch.recordings import tone, write_wav


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(str(tmp_path / "store"))


def fill(folder: Path, *names: str, pitch: float = 200.0) -> None:
    for number, name in enumerate(names):
        write_wav(folder / name, tone(0.3, pitch + 10 * number))


def take(folder: Path, storage: Storage, accept_missing: bool = False) -> Harvest:
    return harvest(resolve(str(folder)), lambda: storage, accept_missing=accept_missing)


def states(storage: Storage) -> dict[str, str]:
    rows = Catalog(storage).recordings().rows()
    return {row.source_path or "": "deleted" if row.deleted else "current" for row in rows}


def test_what_is_missing_is_withdrawn_and_comes_back(tmp_path: Path, storage: Storage) -> None:
    folder = tmp_path / "in"
    fill(folder, "a.wav", "b.wav", "sub/c.wav")
    take(folder, storage)
    (folder / "sub" / "c.wav").rename(tmp_path / "c.wav")
    report = take(folder, storage)
    assert report.deleted == 1
    assert "withdrawn because missing: sub/c.wav" in report.notes
    assert states(storage) == {"a.wav": "current", "b.wav": "current", "sub/c.wav": "deleted"}
    assert take(folder, storage).deleted == 0
    (tmp_path / "c.wav").rename(folder / "sub" / "c.wav")
    assert take(folder, storage).updated == 1
    assert set(states(storage).values()) == {"current"}


def test_what_is_replaced_is_withdrawn(tmp_path: Path, storage: Storage) -> None:
    folder = tmp_path / "in"
    fill(folder, "a.wav")
    take(folder, storage)
    [old] = Catalog(storage).recordings().values()
    fill(folder, "a.wav", pitch=900.0)
    report = take(folder, storage)
    assert (report.added, report.deleted) == (1, 1)
    rows = Catalog(storage).recordings()
    assert {row.file_id == old.file_id: row.deleted for row in rows.values()} == {
        True: True,
        False: False,
    }


def test_what_was_moved_or_is_there_twice_is_not_withdrawn(
    tmp_path: Path, storage: Storage
) -> None:
    folder = tmp_path / "in"
    fill(folder, "a.wav", "b.wav", "c.wav")
    shutil.copy(folder / "b.wav", folder / "z.wav")
    take(folder, storage)
    (folder / "a.wav").rename(folder / "moved.wav")
    (folder / "b.wav").unlink()
    assert take(folder, storage).deleted == 0
    assert states(storage) == dict.fromkeys(("moved.wav", "z.wav", "c.wav"), "current")


def test_another_folders_recordings_are_left_alone(tmp_path: Path, storage: Storage) -> None:
    fill(tmp_path / "one", "a.wav", "b.wav")
    fill(tmp_path / "two", "a.wav", "b.wav", pitch=700.0)
    take(tmp_path / "one", storage)
    assert take(tmp_path / "two", storage).deleted == 0
    assert len(list(Catalog(storage).recordings().current())) == 4


def test_a_folder_below_is_a_part_of_the_one_above(tmp_path: Path, storage: Storage) -> None:
    fill(tmp_path / "in", "a.wav", "sub/b.wav", "sub/c.wav")
    take(tmp_path / "in" / "sub", storage)
    (tmp_path / "in" / "sub" / "b.wav").unlink()
    report = take(tmp_path / "in", storage)
    assert (report.added, report.deleted) == (1, 1)


@pytest.mark.parametrize(
    ("given", "lost", "withdrawn"),
    [
        (4, 3, 3),
        (4, 4, 0),
        (FEW_MISSING + 2, FEW_MISSING, FEW_MISSING),
        (FEW_MISSING + 2, FEW_MISSING + 1, 0),
        (30, 15, 15),
        (30, 16, 0),
    ],
)
def test_a_folder_that_may_not_be_mounted_withdraws_nothing(
    tmp_path: Path, storage: Storage, given: int, lost: int, withdrawn: int
) -> None:
    folder = tmp_path / "in"
    fill(folder, *(f"{n:02}.wav" for n in range(given)))
    take(folder, storage)
    for n in range(lost):
        (folder / f"{n:02}.wav").unlink()
    fill(folder, "new.wav", pitch=3000.0)
    report = take(folder, storage)
    assert report.deleted == withdrawn
    assert any("--accept-missing" in note for note in report.notes) == (withdrawn == 0)
    assert take(folder, storage, accept_missing=True).deleted == lost - withdrawn


def test_what_is_not_taken_for_a_filter_or_a_limit_is_not_missing(
    tmp_path: Path, storage: Storage
) -> None:
    from nsynth_batch.sources.filters import HarvestFilter

    folder = tmp_path / "in"
    fill(folder, "a.wav", "b.wav", "c.wav")
    take(folder, storage)
    for wanted in (
        HarvestFilter(types=None, limit=1),
        HarvestFilter(types=None, min_seconds=5),
        HarvestFilter(types=("flac",)),
        HarvestFilter(types=None, licences=("CC0-1.0",)),
        HarvestFilter(types=None, max_bytes=10),
    ):
        source = resolve(str(folder))
        source.wanted = wanted
        report = harvest(source, lambda: storage)
        assert (report.deleted, report.added) == (0, 0)
        assert report.skipped.total() == (2 if wanted.limit else 3)


def test_one_file_is_taken_alone_with_its_rights(tmp_path: Path, storage: Storage) -> None:
    folder = tmp_path / "in"
    fill(folder, "a.wav", "b.wav")
    (folder / "sources.csv").write_text("file,author,licence\nA.WAV,Ann,CC-BY-4.0\n")
    take(folder, storage)
    (folder / "b.wav").unlink()
    report = take(folder / "a.wav", storage)
    assert (report.found, report.added, report.deleted, report.notes) == (1, 0, 0, ())
    assert [row.author for row in Catalog(storage).recordings().values()] == ["Ann", ""]
    fill(folder, "a.wav", pitch=900.0)
    assert take(folder / "a.wav", storage).deleted == 1


def test_a_link_that_leads_nowhere_now_is_no_proof(tmp_path: Path, storage: Storage) -> None:
    fill(tmp_path / "disk", "b.wav")
    folder = tmp_path / "in"
    fill(folder, "a.wav")
    (folder / "more").symlink_to(tmp_path / "disk")
    (folder / "c.wav").symlink_to(tmp_path / "disk" / "b.wav")
    take(folder, storage)
    (tmp_path / "disk").rename(tmp_path / "unmounted")
    report = take(folder, storage)
    assert report.deleted == 0
    assert "a link leads nowhere: c.wav, more" in report.notes


def test_a_store_of_before_learns_where_its_recordings_are_from_without_a_word(
    tmp_path: Path, storage: Storage
) -> None:
    from dataclasses import replace

    folder = tmp_path / "in"
    fill(folder, "a.wav", "b.wav")
    take(folder, storage)
    rows = [replace(row, source=None) for row in Catalog(storage).recordings().values()]
    storage.delete("catalog", recursive=True)
    Catalog(storage).append(rows)
    report = take(folder, storage)
    assert (report.updated, report.deleted) == (0, 0)
    (folder / "a.wav").unlink()
    assert take(folder, storage).deleted == 1
