"""The catalog: rows are added, and the latest of a recording wins."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.catalog.catalog import Catalog, schema
from nsynth_batch.catalog.tombstones import Tombstone, add_tombstone
from sequencer.rights.rights import Rights
from tests.nsynth_batch.builders import ROW


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(str(tmp_path))


def test_a_row_comes_back_as_it_went(storage: Storage) -> None:
    Catalog(storage).append([ROW])
    assert list(Catalog(storage).recordings().values()) == [ROW]


def test_the_columns_are_those_of_the_design(storage: Storage, tmp_path: Path) -> None:
    Catalog(storage).append([ROW])
    [file] = (tmp_path / "catalog").glob("*.parquet")
    assert (
        pq.read_schema(file).names
        == schema().names
        == [
            "file_id",
            "title",
            "page_url",
            "raw_url",
            "author",
            "licence",
            "licence_url",
            "attribution",
            "categories",
            "duration",
            "revision",
            "retrieved_at",
            "deleted",
            "source_path",
            "source",
            "joined",
        ]
    )


def test_the_latest_wins_whatever_the_order_of_files(storage: Storage) -> None:
    newer = replace(ROW, title="new", retrieved_at=ROW.retrieved_at + timedelta(seconds=1))
    for row in (newer, ROW):
        Catalog(storage).append([row])
    [found] = Catalog(storage).recordings().values()
    assert found.title == "new"


def test_of_two_at_the_same_moment_the_one_written_last_wins(storage: Storage) -> None:
    Catalog(storage).append([ROW, replace(ROW, title="last")])
    assert Catalog(storage).recordings()[ROW.file_id].title == "last"


def test_a_deleted_recording_is_known_and_not_current(storage: Storage) -> None:
    Catalog(storage).append([ROW, replace(ROW, file_id="cd" * 20), replace(ROW, deleted=True)])
    recordings = Catalog(storage).recordings()
    assert recordings[ROW.file_id].deleted
    assert [row.file_id for row in recordings.current()] == ["cd" * 20]


def test_nothing_is_written_for_nothing(storage: Storage) -> None:
    Catalog(storage).append([])
    assert list(storage.walk()) == []
    assert len(Catalog(storage).recordings()) == 0


def test_same_as_looks_past_the_time() -> None:
    later = replace(ROW, retrieved_at=datetime.now(UTC))
    assert later.same_as(ROW)
    assert not replace(later, author="another").same_as(ROW)
    assert not later.same_as(None)


@pytest.mark.parametrize(
    ("revision", "licence", "usable"),
    [
        (None, "LicenseRef-unknown", True),
        ("123", "LicenseRef-unknown", False),
        ("123", "CC0-1.0", True),
        ("123", "LicenseRef-PD-USGov", True),
    ],
)
def test_only_a_wikis_recordings_need_a_known_licence(
    revision: str | None, licence: str, usable: bool
) -> None:
    assert replace(ROW, revision=revision, licence=licence).usable is usable


def test_rights_are_the_credits_part() -> None:
    assert ROW.rights() == Rights(
        title=ROW.title,
        author=ROW.author,
        licence=ROW.licence,
        page_url=ROW.page_url,
        attribution=ROW.attribution,
    )


def test_a_catalog_of_before_paths_were_kept_is_read(storage: Storage, tmp_path: Path) -> None:
    old = pa.Table.from_pylist([asdict(ROW)], schema=schema()).drop_columns(["source_path"])
    (tmp_path / "catalog").mkdir()
    pq.write_table(old, tmp_path / "catalog" / "old.parquet")
    assert list(Catalog(storage).recordings().values()) == [ROW]


def test_a_damaged_catalog_is_named_and_not_to_be_tried_again(
    storage: Storage, tmp_path: Path
) -> None:
    Catalog(storage).append([ROW] * 100)
    [file] = (tmp_path / "catalog").glob("*.parquet")
    whole = file.read_bytes()
    middle = bytearray(whole)
    middle[4:60] = bytes(56)
    for content in (b"", whole[:-20], b"no table at all", bytes(middle)):
        file.write_bytes(content)
        with pytest.raises(UsageError, match=rf"{file} cannot be read \(.*\): restore it"):
            Catalog(storage).recordings()


def test_another_table_is_no_catalog(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    pq.write_table(pa.table({"a": [1]}), tmp_path / "catalog" / "mine.parquet")
    with pytest.raises(UsageError, match=r"mine\.parquet is no file of a catalog: .* file_id"):
        Catalog(storage).recordings()


def test_what_is_withheld_is_found_among_all(storage: Storage) -> None:
    unknown = "CC0-1.0 AND licenseref-UNKNOWN"
    rows = [
        ROW,
        replace(ROW, file_id="01" * 20, deleted=True),
        replace(ROW, file_id="02" * 20, revision="1", licence=unknown),
        replace(ROW, file_id="03" * 20, licence=unknown),
        replace(ROW, file_id="04" * 20, revision="1"),
        replace(ROW, file_id="05" * 20),
        # Deleted once, and back.
        replace(ROW, file_id="06" * 20, deleted=True),
        replace(ROW, file_id="06" * 20),
    ]
    Catalog(storage).append(rows)
    assert list(Catalog(storage).recordings().withheld()) == [rows[1], rows[2]]
    add_tombstone(storage, Tombstone("05" * 20))
    withheld = list(Catalog(storage).recordings().withheld())
    assert [row.file_id for row in withheld] == ["01" * 20, "02" * 20, "05" * 20]
    assert withheld[-1].deleted
    assert list(Catalog(open_storage(storage.url + "/empty")).recordings().withheld()) == []
