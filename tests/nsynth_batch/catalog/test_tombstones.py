"""Tombstones, and what does not come back for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.catalog.catalog import Catalog
from nsynth_batch.catalog.tombstones import Tombstone, add_tombstone, read_forgotten, restore
from nsynth_batch.sources.catalog_writer import CatalogWriter
from nsynth_batch.sources.counts import Harvest
from nsynth_batch.sources.folder import FolderSource
from nsynth_batch.sources.harvest import harvest
from tests.nsynth_batch.builders import ROW
from tests.nsynth_batch.recordings import write_wav

PAGE = "https://wiki.example/wiki/File:Owl.wav"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(str(tmp_path / "store"))


def test_a_tombstone_stands_whatever_rows_follow(storage: Storage) -> None:
    catalog = Catalog(storage)
    catalog.append([ROW])
    add_tombstone(storage, Tombstone(ROW.file_id, ROW.title, reason="asked for"))
    catalog.append([replace(ROW, retrieved_at=ROW.retrieved_at + timedelta(days=1))])
    recordings = catalog.recordings()
    assert recordings[ROW.file_id].deleted
    assert list(recordings.current()) == []
    assert [row.deleted for row in recordings.rows()] == [True]
    stone = recordings.forgotten[ROW.file_id]
    assert (stone.title, stone.reason) == (ROW.title, "asked for")
    assert datetime.fromisoformat(stone.forgotten_at) <= datetime.now(UTC)
    add_tombstone(storage, Tombstone(ROW.file_id, reason="asked for again"))
    assert read_forgotten(storage)[ROW.file_id] == stone
    restore(storage, ROW.file_id)
    restore(storage, ROW.file_id)
    assert not catalog.recordings()[ROW.file_id].deleted


def test_a_wikis_page_is_forgotten_with_all_its_versions(storage: Storage) -> None:
    add_tombstone(storage, Tombstone("ab" * 20, page_url=PAGE))
    add_tombstone(storage, Tombstone("cd" * 20))
    forgotten = read_forgotten(storage)
    assert forgotten.covers("ef" * 20, PAGE)
    assert forgotten.covers("cd" * 20, "https://wiki.example/wiki/File:Else.wav")
    assert not forgotten.covers("ef" * 20, "")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
def test_a_damaged_tombstone_is_no_free_pass(storage: Storage, content: bytes) -> None:
    add_tombstone(storage, Tombstone("ab" * 20))
    storage.replace(f"catalog/forgotten/{'ab' * 20}.json", content)
    with pytest.raises(UsageError, match=r"abab\.json is no tombstone .*restore it"):
        Catalog(storage).recordings()


def test_the_same_content_is_not_harvested_again(storage: Storage, tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    write_wav(folder / "owl.wav")
    write_wav(folder / "crow.wav")
    source = FolderSource(open_storage(str(folder)))
    harvest(source, lambda: storage)
    [owl] = [row for row in Catalog(storage).recordings().rows() if row.title == "owl"]
    add_tombstone(storage, Tombstone(owl.file_id))
    storage.delete(owl.raw_url)
    (folder / "owl.wav").rename(folder / "the same by another name.wav")
    done = harvest(source, lambda: storage)
    assert (done.found, done.forgotten, done.added) == (2, 1, 0)
    assert not storage.exists(owl.raw_url)
    assert [row.title for row in Catalog(storage).recordings().current()] == ["crow"]
    restore(storage, owl.file_id)
    done = harvest(source, lambda: storage)
    assert (done.forgotten, done.added) == (0, 1)
    assert len(list(Catalog(storage).recordings().current())) == 2


@pytest.mark.parametrize(
    ("old", "new", "usable"),
    [
        # The page of a wiki takes its licence back, or gets one.
        ({"revision": "1"}, {"revision": "2", "licence": "LicenseRef-unknown"}, False),
        ({"revision": "1", "licence": "LicenseRef-unknown"}, {"revision": "2"}, True),
        # A copy in a folder says nothing about what a wiki knows no licence of …
        ({"revision": "1", "licence": "LicenseRef-unknown"},
         {"licence": "LicenseRef-unknown", "page_url": ""}, False),
        # … unless the folder does know one.
        ({"revision": "1", "licence": "LicenseRef-unknown"}, {"page_url": ""}, True),
        # What a wiki does not know does not take a folder's rights away.
        ({}, {"revision": "1", "licence": "LicenseRef-unknown", "page_url": PAGE}, True),
    ],
)  # fmt: skip
def test_rights_that_change_later(
    storage: Storage, old: dict[str, str], new: dict[str, str], usable: bool
) -> None:
    for changes in (old, new):
        ledger = CatalogWriter(storage, Harvest())
        ledger.add(replace(ROW, retrieved_at=datetime.now(UTC), **changes))
        ledger.save()
    assert Catalog(storage).recordings()[ROW.file_id].usable is usable
