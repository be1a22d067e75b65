"""The contract of a storage; a further backend is a further parameter of the fixture."""

from __future__ import annotations

import pickle
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hdfs_jobs.backend import Storage, check_path, is_temporary
from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage import open_storage, open_url

ODD_NAMES = [
    "with spaces and ünïcödé.wav",
    "quotes ' and \".wav",
    "line\nbreak\ttab.wav",
    "# 100% of it?&=+.wav",
    "雨の音 — دریا.wav",
    "-rf *",
    "~",
    "x" * 255,
]


@pytest.fixture(params=["path", "file"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    folder = tmp_path / "a folder" / "100% root"
    return open_storage(str(folder) if request.param == "path" else folder.as_uri())


def names(storage: Storage, path: str = "", *, temporary: bool = False) -> set[str]:
    return {entry.path for entry in storage.list(path, temporary=temporary)}


def test_a_created_file_appears_whole_at_the_end(storage: Storage) -> None:
    with storage.create("a/b/file") as stream:
        stream.write(b"first ")
        assert not storage.exists("a/b/file")
        assert names(storage, "a/b") == set()
        (hidden,) = storage.list("a/b", temporary=True)
        assert is_temporary(hidden.path)
        stream.write(b"second")
    assert storage.read_bytes("a/b/file") == b"first second"
    entry = storage.stat("a/b/file")
    assert (entry.size, entry.is_dir, entry.name) == (12, False, "file")
    assert names(storage, "a/b", temporary=True) == {"a/b/file"}


def test_an_exception_leaves_nothing(storage: Storage) -> None:
    with pytest.raises(ZeroDivisionError), storage.create("a/file") as stream:
        stream.write(b"half")
        raise ZeroDivisionError
    assert list(storage.walk(temporary=True)) == []


def test_create_refuses_a_name_that_is_taken(storage: Storage) -> None:
    storage.publish("file", b"old")
    with pytest.raises(FileExistsError), storage.create("file") as stream:
        stream.write(b"new")
    assert storage.read_bytes("file") == b"old"


def test_create_loses_to_a_name_taken_meanwhile(storage: Storage) -> None:
    with pytest.raises(FileExistsError), storage.create("file") as stream:
        stream.write(b"slow")
        storage.publish("file", b"quick")
    assert storage.read_bytes("file") == b"quick"
    assert names(storage, temporary=True) == {"file"}


def test_of_many_who_publish_one_wins(storage: Storage) -> None:
    start = threading.Barrier(8)
    won: list[bytes] = []

    def publish(content: bytes) -> None:
        start.wait()
        if storage.publish("file", content):
            won.append(content)

    threads = [threading.Thread(target=publish, args=(b"%d" % i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [storage.read_bytes("file")] == won


def test_replace_changes_a_file(storage: Storage) -> None:
    storage.replace("a/file", b"one")
    storage.replace("a/file", b"two")
    assert storage.read_bytes("a/file") == b"two"
    assert names(storage, "a", temporary=True) == {"a/file"}


def test_an_open_file_is_a_seekable_stream(storage: Storage) -> None:
    storage.publish("file", bytes(range(100)))
    with storage.open("file") as stream:
        assert stream.seekable()
        assert stream.seek(-3, 2) == 97
        assert stream.read() == bytes([97, 98, 99])
        stream.seek(10)
        assert stream.read(2) == bytes([10, 11])


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names(storage: Storage, name: str) -> None:
    assert storage.publish(f"folder/{name}", b"content")
    assert names(storage, "folder") == {f"folder/{name}"}
    assert storage.read_bytes(f"folder/{name}") == b"content"
    storage.rename(f"folder/{name}", f"other/{name}")
    assert [entry.path for entry in storage.walk()] == [f"other/{name}"]
    with open_url(f"{storage.url}/other/{name}") as stream:
        assert stream.read() == b"content"
    storage.delete(f"other/{name}")
    assert not storage.exists(f"other/{name}")


def test_rename_refuses_every_existing_target(storage: Storage) -> None:
    storage.publish("file", b"file")
    storage.publish("other", b"other")
    storage.publish("folder/inside", b"inside")
    storage.publish("full/inside", b"full")
    for source, target in [
        ("file", "other"),
        ("file", "folder"),
        ("folder", "full"),
        ("folder", "file"),
    ]:
        with pytest.raises(FileExistsError):
            storage.rename(source, target)
    contents = {entry.path: storage.read_bytes(entry.path) for entry in storage.walk()}
    assert contents == {
        "file": b"file",
        "other": b"other",
        "folder/inside": b"inside",
        "full/inside": b"full",
    }


def test_rename_moves_files_and_folders(storage: Storage) -> None:
    storage.publish("a/b/file", b"content")
    storage.rename("a/b/file", "a/c/moved")
    storage.rename("a/c", "d/e")
    assert [entry.path for entry in storage.walk()] == ["d/e/moved"]
    with pytest.raises(FileNotFoundError):
        storage.rename("missing", "anywhere")


def test_what_is_missing(storage: Storage) -> None:
    assert list(storage.list("nowhere")) == []
    assert not storage.exists("nowhere")
    storage.delete("nowhere")
    storage.delete("nowhere", recursive=True)
    for look in (storage.open, storage.stat):
        with pytest.raises(FileNotFoundError):
            look("nowhere")


def test_delete_takes_a_tree_only_when_told(storage: Storage) -> None:
    storage.publish("a/b/file", b"")
    with pytest.raises(OSError, match="not empty"):
        storage.delete("a")
    storage.delete("a", recursive=True)
    assert not storage.exists("a")


def test_a_storage_travels_to_workers(storage: Storage) -> None:
    storage.publish("file", b"content")
    assert pickle.loads(pickle.dumps(storage)).read_bytes("file") == b"content"


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file of this process grow beyond 1000 bytes, as if the disk were full.

    No fixture: what pytest itself writes after the test may be a file too.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_no_room_is_an_os_error_and_leaves_nothing(storage: Storage) -> None:
    storage.replace("mutable", b"old")
    with no_room():
        with pytest.raises(OSError, match="too large"), storage.create("file") as stream:
            stream.write(bytes(5000))
        with pytest.raises(OSError, match="too large"):
            storage.publish("file", bytes(5000))
        with pytest.raises(OSError, match="too large"):
            storage.replace("mutable", bytes(5000))
    assert names(storage, temporary=True) == {"mutable"}
    assert storage.read_bytes("mutable") == b"old"


def test_a_file_in_the_way_is_an_os_error(storage: Storage) -> None:
    storage.publish("file", b"")
    with pytest.raises(OSError, match=r"Not a directory|exists"):
        storage.replace("file/below", b"")


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../../up", "a//b", "a/", ".", "nul\0"])
def test_paths_stay_inside(path: str) -> None:
    with pytest.raises(ValueError, match="not a path inside a storage"):
        check_path(path)


@pytest.mark.parametrize("url", ["ftp://host/path", "s3://bucket", "file://other-host/path", ""])
def test_a_url_without_a_backend_is_a_usage_error(url: str) -> None:
    for opened in (open_storage, open_url):
        with pytest.raises(UsageError):
            opened(url)


def test_open_url_takes_paths_as_they_are_and_urls_decoded(tmp_path: Path) -> None:
    odd = tmp_path / "50%20 #1?.txt"
    odd.write_bytes(b"content")
    for url in (str(odd), odd.as_uri()):
        with open_url(url) as stream:
            assert stream.read() == b"content"
    with pytest.raises(FileNotFoundError):
        open_url(str(tmp_path / "missing"))
