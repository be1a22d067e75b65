"""The contract of a storage; a further backend is a further parameter of the fixture."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdfs_jobs.storage.base import RenamingStorage, Storage, check_path, is_temporary
from hdfs_jobs.storage.local import LocalStorage
from hdfs_jobs.storage.open import open_storage, open_url
from tests.components.hadoop import SCHEMES
from tests.components.s3 import SERVERS, S3Server

ODD_NAMES = [
    "with spaces and ünïcödé.wav",
    "quotes ' and \".wav",
    "line\nbreak\ttab.wav",
    "# 100% of it?&=+;,@$!%41.wav",
    "雨の音 — دریا.wav",
    "-rf *",
    "~",
    ".hidden",
    "#LATEST",
    "x" * 255,
]


RENAMING = ["path", "file", *SCHEMES]


@pytest.fixture(params=[*RENAMING, *SERVERS])
def storage(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Storage:
    if request.param in SERVERS:
        return s3_storage(request.getfixturevalue(request.param), monkeypatch)
    if request.param in SCHEMES:
        url = request.getfixturevalue("hdfs").url(request.param)
        return open_storage(f"{url}{request.getfixturevalue('hdfs_folder')}/100% root")
    folder = tmp_path / "a folder" / "100% root"
    return open_storage(str(folder) if request.param == "path" else folder.as_uri())


def s3_storage(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Storage:
    server.set_up(monkeypatch)
    return open_storage(f"{server.url}/{uuid.uuid4().hex}/100% root")


@pytest.fixture
def local(tmp_path: Path) -> Storage:
    return open_storage(str(tmp_path / "local"))


def names(storage: Storage, path: str = "", *, temporary: bool = False) -> set[str]:
    return {entry.path for entry in storage.list(path, temporary=temporary)}


def test_a_created_file_appears_whole_at_the_end(storage: Storage) -> None:
    with storage.create("a/b/file") as stream:
        stream.write(b"first ")
        assert not storage.exists("a/b/file")
        assert names(storage, "a/b") == set()
        assert all(is_temporary(entry.path) for entry in storage.list("a/b", temporary=True))
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
    won: list[bytes] = []

    def publish(number: int) -> None:
        if storage.publish("file", b"%d" % number):
            won.append(b"%d" % number)

    at_once(publish)
    assert [storage.read_bytes("file")] == won
    assert names(storage, temporary=True) == {"file"}


def test_of_many_who_swap_one_content_one_wins(storage: Storage) -> None:
    storage.publish("file", b"old")
    won: list[bytes] = []

    def swap(number: int) -> None:
        if storage.replace_if("file", b"old", b"%d" % number):
            won.append(b"%d" % number)

    at_once(swap)
    assert [storage.read_bytes("file")] == won
    assert names(storage) == {"file"}


def test_a_swap_changes_only_what_was_seen(storage: Storage) -> None:
    assert not storage.replace_if("a/file", b"seen", b"new")
    assert not storage.exists("a/file")
    assert storage.replace_if("a/file", None, b"one")
    assert not storage.replace_if("a/file", None, b"two")
    assert not storage.replace_if("a/file", b"two", b"three")
    assert not storage.replace_if("a/file", b"two", None)
    assert storage.read_bytes("a/file") == b"one"
    assert storage.replace_if("a/file", b"one", b"two")
    assert storage.read_bytes("a/file") == b"two"
    assert storage.replace_if("a/file", b"two", None)
    assert names(storage, "a") == set()


@pytest.mark.parametrize("storage", RENAMING, indirect=True)
def test_who_swaps_late_does_not_take_away_what_is_there(storage: Storage) -> None:
    """One that has looked, and slept before it renamed, finds the name for that content taken."""
    storage.publish("file", b"old")
    assert storage.replace_if("file", b"old", b"mine")
    aside = next(name for name in names(storage, temporary=True) if name != "file")
    assert isinstance(storage, RenamingStorage)
    with pytest.raises(FileExistsError):
        storage._rename("file", aside)
    assert storage.read_bytes("file") == b"mine"


def test_a_content_that_comes_back_can_be_swapped_again(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So can one that another process was killed at: it is given time to go on, then passed."""
    monkeypatch.setattr("hdfs_jobs.storage.base.SWAP_SECONDS", 0.2)
    storage.publish("file", b"one")
    for seen, data in [(b"one", b"two"), (b"two", b"one")] * 2:
        assert storage.replace_if("file", seen, data)
        assert storage.read_bytes("file") == data


CONTENTS = st.sampled_from([None, b"", b"a", b"b"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CONTENTS, CONTENTS).filter(lambda pair: pair[0] != pair[1])))
def test_swaps_one_after_the_other_are_those_of_a_variable(
    swaps: list[tuple[bytes | None, bytes | None]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("hdfs_jobs.storage.base.SWAP_SECONDS", 0.0)
        storage = LocalStorage(folder)
        holds: bytes | None = None
        for seen, data in swaps:
            written = seen is None and data == holds
            assert storage.replace_if("file", seen, data) == (seen == holds or written)
            holds = data if seen == holds else holds
            assert storage.exists("file") == (holds is not None)
            assert holds is None or storage.read_bytes("file") == holds


def at_once(act: Callable[[int], None]) -> None:
    start = threading.Barrier(8)

    def run(number: int) -> None:
        start.wait()
        act(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


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


def test_a_file_is_as_large_as_it_is(storage: Storage) -> None:
    """Of several blocks of HDFS, and more than is kept on this machine before it is sent."""
    piece = random.Random(1).randbytes(7_000_001)
    with storage.create("big") as stream:
        for _ in range(11):
            stream.write(piece)
    assert storage.stat("big").size == 11 * len(piece)
    with storage.open("big") as stream:
        for _ in range(11):
            assert stream.read(len(piece)) == piece
        assert stream.read(1) == b""
        stream.seek(5 * len(piece) - 3)
        assert stream.read(6) == piece[-3:] + piece[:3]


def test_odd_names(storage: Storage, request: pytest.FixtureRequest) -> None:
    odd = ODD_NAMES
    if request.node.callspec.params["storage"] == "versitygw":
        # It replaces a file by way of one with a longer name.
        odd = [name[:200] for name in odd]
    for name in odd:
        assert storage.publish(f"folder/{name}", name.encode())
    assert names(storage, "folder") == {f"folder/{name}" for name in odd}
    for name in odd:
        assert storage.read_bytes(f"folder/{name}") == name.encode()
        assert storage.replace_if(f"folder/{name}", name.encode(), b"new")
        with open_url(f"{storage.url}/folder/{name}") as stream:
            assert stream.read() == b"new"
    assert {entry.path for entry in storage.walk()} == {f"folder/{name}" for name in odd}
    for name in odd:
        storage.delete(f"folder/{name}")
        assert not storage.exists(f"folder/{name}")


@pytest.mark.parametrize("name", ["x" * 256, "surrogate \udcff", "colon: second"])
def test_a_name_that_cannot_be_held_is_refused_in_one_line(storage: Storage, name: str) -> None:
    try:
        storage.publish(name, b"")
    except OSError as error:
        assert "\n" not in str(error)
    else:
        assert names(storage) == {name}  # this backend can hold it
        storage.delete(name)
    assert names(storage, temporary=True) == set()


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


def test_one_file_is_deleted_and_what_stands_below_its_name_stays(storage: Storage) -> None:
    storage.publish("a/file", b"")
    storage.publish("a/files/other", b"")
    for _ in range(2):
        storage.delete_file("a/file")
        assert names(storage, "a") == {"a/files"}


def read_and_publish(storage: Storage) -> None:
    os._exit(0 if storage.read_bytes("file") == b"content" and storage.publish("new", b"") else 1)


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_storage_travels_to_workers(storage: Storage, start: str) -> None:
    """Also into a process that was forked with the connections of this one open."""
    storage.publish("file", b"content")
    assert len(pickle.dumps(storage)) < 1000
    context = multiprocessing.get_context(start)
    child = context.Process(target=read_and_publish, args=(storage,))
    child.start()
    child.join(150)
    assert child.exitcode == 0
    assert names(storage) == {"file", "new"}


KILLED = """
import os, pickle, signal, sys
storage = pickle.loads(bytes.fromhex(sys.argv[1]))
with storage.create("a/file") as stream:
    for _ in range(int(sys.argv[2])):
        stream.write(bytes(1 << 20))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("megabytes", [1, 80])
def test_a_writer_that_is_killed_leaves_nothing_visible(storage: Storage, megabytes: int) -> None:
    command = [sys.executable, "-c", KILLED, pickle.dumps(storage).hex(), str(megabytes)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert names(storage, "a") == set()
    assert not storage.exists("a/file")
    assert storage.publish("a/file", b"another attempt")
    assert storage.read_bytes("a/file") == b"another attempt"


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


def test_no_room_is_an_os_error_and_leaves_nothing(local: Storage) -> None:
    storage = local
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


@pytest.mark.parametrize("storage", RENAMING, indirect=True)
def test_a_file_in_the_way_is_an_os_error(storage: Storage) -> None:
    storage.publish("file", b"")
    with pytest.raises(OSError, match=r"(?i)not a directory|exists"):
        storage.replace("file/below", b"")


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../../up", "a//b", "a/", ".", "nul\0"])
def test_paths_stay_inside(path: str) -> None:
    with pytest.raises(ValueError, match="not a path inside a storage"):
        check_path(path)
