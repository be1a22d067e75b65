"""What is particular to S3: lost answers of conditional requests, parts, tombstones, listings."""

from __future__ import annotations

import random

import pytest

from hdfs_jobs.storage.base import is_temporary
from hdfs_jobs.storage.probe import probe
from hdfs_jobs.storage.s3 import transfers
from hdfs_jobs.storage.s3.storage import TOMBSTONE, S3Storage
from nsynth_batch.errors import failure
from tests.components.faults import FaultProxy
from tests.components.s3 import SERVERS, S3Server
from tests.components.wire import Wire
from tests.hdfs_jobs.storage.s3.conftest import storage_at

SMALL_PART = 5 << 20
"""The smallest part that servers take, but for the last."""


@pytest.fixture(params=SERVERS)
def storage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> S3Storage:
    server: S3Server = request.getfixturevalue(request.param)
    server.set_up(monkeypatch)
    return storage_at(server)


def names(storage: S3Storage) -> set[str]:
    return {entry.path for entry in storage.walk(temporary=True)}


def test_a_publish_whose_answer_was_lost_is_known_as_won(wired: tuple[S3Storage, Wire]) -> None:
    storage, wire = wired
    wire.lose_answer(b"If-None-Match")
    assert storage.publish("file", b"mine")
    assert wire.losses == 1
    assert storage.read_bytes("file") == b"mine"
    wire.lose_answer(b"If-None-Match")
    assert not storage.publish("file", b"too late")
    assert wire.losses == 2
    assert storage.read_bytes("file") == b"mine"


def test_a_swap_whose_answer_was_lost_is_known_as_won(wired: tuple[S3Storage, Wire]) -> None:
    storage, wire = wired
    storage.publish("file", b"one")
    wire.lose_answer(b"If-Match")
    assert storage.replace_if("file", b"one", b"two")
    wire.lose_answer(b"If-Match")
    assert not storage.replace_if("file", b"one", b"three") or wire.losses == 1
    assert storage.read_bytes("file") == b"two"


def test_a_deletion_whose_answer_was_lost_is_of_one_alone(wired: tuple[S3Storage, Wire]) -> None:
    storage, wire = wired
    storage.publish("file", b"one")
    wire.lose_answer(b"If-Match")
    assert storage.replace_if("file", b"one", None)
    assert wire.losses == 1
    assert not storage.replace_if("file", b"one", None)
    assert not storage.exists("file")


def test_a_large_file_whose_last_answer_was_lost_is_there_once(
    wired: tuple[S3Storage, Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, wire = wired
    monkeypatch.setattr(transfers, "PART_BYTES", SMALL_PART)
    assert storage._completes()
    content = random.Random(2).randbytes(2 * SMALL_PART + 7)
    with storage.create("large") as stream:
        stream.write(content)
        wire.lose_answer(b"If-None-Match")
    assert wire.losses == 1
    assert storage.read_bytes("large") == content
    assert names(storage) == {"before", "large"}


def test_a_large_file_whose_name_is_taken_sends_no_part(
    proxied: tuple[S3Storage, FaultProxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, proxy = proxied
    monkeypatch.setattr(transfers, "PART_BYTES", SMALL_PART)
    storage.publish("large", b"old")
    assert storage._completes()
    proxy.reset()
    with pytest.raises(FileExistsError), storage.create("large") as stream:
        stream.write(bytes(SMALL_PART + 1))
    assert [seen.method for seen in proxy.seen] == ["HEAD"]


def test_a_transfer_that_breaks_off_is_taken_up(wired: tuple[S3Storage, Wire]) -> None:
    storage, wire = wired
    content = random.Random(3).randbytes(9 << 20)
    storage.publish("file", content)
    with storage.open("file") as stream:
        assert stream.read(1000) == content[:1000]
        wire.lose_answer(b"GET ")
        stream.seek(5 << 20)
        assert stream.read() == content[5 << 20 :]
    assert wire.losses == 1


def test_parts_that_were_never_completed_are_temporary_files(
    versitygw: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    versitygw.set_up(monkeypatch)
    storage = storage_at(versitygw)
    storage.publish("folder/file", b"")
    for path in ("folder/large", "folder-beside/large"):
        upload = storage._upload(path)
        upload.write(b"killed here")
        upload.send_part()
    (kept,) = [e.path for e in storage.walk("folder", temporary=True) if is_temporary(e.path)]
    assert kept.startswith("folder/")
    assert names(storage) > {kept, "folder/file"}
    storage.delete(kept)
    assert {entry.path for entry in storage.walk("folder", temporary=True)} == {"folder/file"}
    assert len(names(storage)) == 2


@pytest.mark.parametrize("more", [0, SMALL_PART])
def test_a_large_file_whose_parts_are_removed_on_its_way_is_to_be_sent_again(
    versitygw: S3Server, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    """Before another part, or before they are completed; a tombstone may have the name."""
    versitygw.set_up(monkeypatch)
    storage = storage_at(versitygw)
    monkeypatch.setattr(transfers, "PART_BYTES", SMALL_PART)
    storage.publish("large", b"old")
    assert storage.replace_if("large", b"old", None)
    with (
        pytest.raises(OSError, match=r"parts were removed.*run the same command again") as caught,
        storage.create("large") as stream,
    ):
        stream.write(bytes(SMALL_PART + 1))
        (parts,) = [path for path in names(storage) if is_temporary(path)]
        storage.delete(parts)
        stream.write(bytes(more))
    assert failure(caught.value).exit_code == 75
    assert names(storage) == set()
    assert storage.publish("large", b"again")


def test_what_was_deleted_on_a_condition_is_no_file(storage: S3Storage) -> None:
    storage.publish("a/file", b"content")
    storage.publish("a/as-long", bytes(len(TOMBSTONE)))
    assert storage.replace_if("a/file", b"content", None)
    for look in (storage.open, storage.stat, storage.read_bytes):
        with pytest.raises(FileNotFoundError):
            look("a/file")
    assert names(storage) == {entry.path for entry in storage.list("a")} == {"a/as-long"}
    with storage.create("a/file") as stream:
        stream.write(b"again")
    assert storage.read_bytes("a/file") == b"again"
    assert storage.replace_if("a/file", b"again", None)
    assert storage.replace_if("a/file", None, b"once more")
    assert not storage.publish("a/file", b"")


def test_a_listing_has_pages(storage: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {f"a/{number:02d}" for number in range(7)} | {f"b{n}/file" for n in range(3)}
    for name in wanted:
        storage.publish(name, b"")
    pages = S3Storage._pages
    monkeypatch.setattr(
        S3Storage,
        "_pages",
        lambda self, operation, path, **more: pages(self, operation, path, **more, MaxKeys=2),
    )
    assert {entry.path for entry in storage.walk()} == wanted
    assert {entry.path for entry in storage.list("a")} == {n for n in wanted if n[0] == "a"}
    assert {(e.path, e.is_dir) for e in storage.list()} == {
        *(("a", True), ("b0", True), ("b1", True), ("b2", True))
    }
    storage.delete("a", recursive=True)
    assert {entry.path for entry in storage.walk()} == {f"b{n}/file" for n in range(3)}


def test_folders_as_consoles_make_them_are_passed_over(
    versitygw: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    versitygw.set_up(monkeypatch)
    storage = storage_at(versitygw)
    prefix = storage.url.partition(f"{versitygw.url}/")[2]
    versitygw.client().put_object(Bucket="recordings", Key=f"{prefix}/empty/", Body=b"")
    storage.publish("empty/file", b"")
    assert names(storage) == {"empty/file"}
    assert [(entry.path, entry.is_dir) for entry in storage.list()] == [("empty", True)]


def test_a_file_that_was_replaced_is_not_read_on(storage: S3Storage) -> None:
    storage.publish("file", bytes(9 << 20))
    with storage.open("file") as stream:
        assert stream.read(10) == bytes(10)
        storage.replace("file", b"\1" * (9 << 20))
        stream.seek(6 << 20)
        with pytest.raises(OSError, match="was replaced while it was read"):
            stream.read()


def test_a_prefix_where_nothing_is_yet_is_tried_itself(storage: S3Storage) -> None:
    """What may be written may be this prefix alone."""
    probe(storage)
    above = storage.parent()
    assert above is not None
    assert not storage.exists("")
    assert names(storage) == set()
