"""What is particular to storages on HDFS: answers that get lost, logins, and what errors say."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.hdfs.login import parse_token_file
from hdfs_jobs.storage.hdfs.url import parse_hdfs_url
from hdfs_jobs.storage.open import open_storage
from hdfs_jobs.storage.remote import (
    PATIENCE,
    PassingError,
    WrongAddressError,
)
from tests.components.hadoop import SCHEMES, Hdfs
from tests.components.wire import Wire


@pytest.fixture(params=SCHEMES)
def storage(request: pytest.FixtureRequest) -> Storage:
    place = request.getfixturevalue("hdfs").url(request.param)
    return open_storage(place + request.getfixturevalue("hdfs_folder"))


@pytest.fixture(params=SCHEMES)
def wired(request: pytest.FixtureRequest) -> Iterator[tuple[Storage, Wire]]:
    """A storage whose NameNode is at the end of a wire."""
    place = urlsplit(request.getfixturevalue("hdfs").url(request.param))
    assert place.hostname and place.port
    with Wire(place.hostname, place.port) as wire:
        folder = request.getfixturevalue("hdfs_folder")
        yield open_storage(f"{request.param}://127.0.0.1:{wire.port}{folder}"), wire


MARKERS = {"webhdfs": b"op=RENAME", "hdfs": b"rename2"}


def marker(storage: Storage) -> bytes:
    return MARKERS[storage.url.partition("://")[0]]


def test_a_rename_whose_answer_was_lost_is_known_as_won(wired: tuple[Storage, Wire]) -> None:
    storage, wire = wired
    storage.publish("before", b"")
    wire.lose_answer(marker(storage))
    assert storage.publish("file", b"mine")
    wire.lose_answer(marker(storage))
    storage.replace("file", b"newer")
    assert wire.losses == 2
    assert {entry.path for entry in storage.list(temporary=True)} == {"before", "file"}
    assert storage.read_bytes("file") == b"newer"


def test_a_swap_whose_answer_was_lost_is_not_believed(wired: tuple[Storage, Wire]) -> None:
    """Another process may have renamed the file to the same name: never do two believe it."""
    storage, wire = wired
    storage.publish("file", b"old")
    wire.lose_answer(marker(storage))
    assert not storage.replace_if("file", b"old", b"new")
    assert wire.losses == 1
    assert {entry.path for entry in storage.list()} == set()
    assert storage.replace_if("file", None, b"new")


def test_a_swap_s_rename_is_not_tried_again_after_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = open_storage("webhdfs://namenode/folder")
    moves: list[str] = []

    def refuse(source: str, target: str, *, overwrite: bool) -> None:
        moves.append(source)
        raise PassingError("safe mode")

    monkeypatch.setenv(PATIENCE, "1")
    monkeypatch.setattr(storage, "_status", lambda path: None)
    monkeypatch.setattr(storage, "_read", lambda path: b"seen")
    monkeypatch.setattr(storage, "_move", refuse)
    with pytest.raises(PassingError, match="safe mode"):
        storage.replace_if("file", b"seen", b"new")
    assert moves == ["/folder/file"]


def test_a_rename_whose_answer_was_lost_is_known_as_beaten(wired: tuple[Storage, Wire]) -> None:
    storage, wire = wired
    storage.publish("before", b"")
    with pytest.raises(FileExistsError), storage.create("file") as stream:
        stream.write(b"slow.")
        storage.publish("file", b"quick")
        wire.lose_answer(marker(storage))
    assert wire.losses == 1
    assert storage.read_bytes("file") == b"quick"
    assert {entry.path for entry in storage.list(temporary=True)} == {"before", "file"}


def test_an_exception_leaves_nothing_of_a_large_file(storage: Storage) -> None:
    with pytest.raises(ZeroDivisionError), storage.create("a/file") as stream:
        for _ in range(80):
            stream.write(bytes(1 << 20))
        raise ZeroDivisionError
    assert list(storage.walk(temporary=True)) == []


def test_readers_see_the_old_or_the_new(storage: Storage) -> None:
    contents = {bytes([number]) * size for number, size in ((1, 10), (2, 200_000), (3, 50_000))}
    storage.replace("file", next(iter(contents)))
    done = threading.Event()

    def write() -> None:
        for _ in range(2):
            for content in contents:
                storage.replace("file", content)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        seen.add(storage.read_bytes("file"))
    writer.join()
    assert seen <= contents


def test_a_file_that_was_replaced_is_not_read_on(storage: Storage) -> None:
    """Two halves of two files are no file; the name of both is the same."""
    old, new = bytes(9 << 20), b"\1" * (9 << 20)
    storage.publish("file", old)
    with storage.open("file") as stream:
        assert stream.read(10) == bytes(10)
        storage.replace("file", new)
        try:
            assert stream.read() == old[10:]  # its blocks may still be there
        except OSError as error:
            assert "was replaced" in str(error) or "no such file" in str(error)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_who_may_not_is_told_so(hdfs: Hdfs, scheme: str) -> None:
    open_storage(hdfs.url(scheme)).publish(f"private-{scheme}/file", b"")
    code = (
        "import sys\n"
        "from hdfs_jobs.storage.open import open_storage\n"
        f"storage = open_storage({hdfs.url(scheme)!r})\n"
        f"for act in (lambda: storage.publish('private-{scheme}/new', b'x'),\n"
        f"            lambda: storage.delete('private-{scheme}/file'),\n"
        f"            lambda: storage.replace_if('private-{scheme}/file', b'', b'mine')):\n"
        "    try:\n"
        "        act()\n"
        "    except PermissionError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"HADOOP_USER_NAME": "nobody-else", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    assert all("nobody-else" in line and hdfs.url(scheme) in line for line in lines)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("webhdfs://127.0.0.1:1/x", "cannot be reached"),
        ("hdfs://127.0.0.1:1/x", "cannot be reached"),
        ("webhdfs://nowhere.invalid:9870/x", "cannot be reached"),
        ("hdfs://no-such-service/x", "HADOOP_CONF_DIR"),
    ],
)
def test_a_cluster_that_is_not_there_is_said_at_once(url: str, words: str) -> None:
    started = time.monotonic()
    with pytest.raises(OSError, match=words) as caught:
        open_storage(url).stat("")
    assert str(caught.value).startswith(url)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_wrong_port_is_said(hdfs: Hdfs, scheme: str) -> None:
    other = urlsplit(hdfs.url("hdfs" if scheme == "webhdfs" else "webhdfs"))
    with pytest.raises(OSError, match="port"):
        open_storage(f"{scheme}://{other.netloc}/x").stat("")


def test_an_address_that_stays_wrong_is_no_matter_of_trying_again(hdfs: Hdfs) -> None:
    rpc, web = (urlsplit(hdfs.url(scheme)).netloc for scheme in ("hdfs", "webhdfs"))
    for url in (f"webhdfs://{rpc}/x", f"swebhdfs://{web}/x", "hdfs://no-such-service/x"):
        with pytest.raises(WrongAddressError) as caught:
            open_storage(url).stat("")
        assert caught.value.exit_code == 2


def test_a_server_without_rename_options_is_seen_through(hdfs: Hdfs, hdfs_folder: str) -> None:
    """HttpFS passes none on: it answers false for a taken name, and moves into a folder."""
    place = urlsplit(hdfs.webhdfs_url)
    assert place.hostname and place.port
    with Wire(place.hostname, place.port) as wire:
        wire.forget(b"&renameoptions=NONE")
        wire.forget(b"&renameoptions=OVERWRITE")
        storage = open_storage(f"webhdfs://127.0.0.1:{wire.port}{hdfs_folder}")
        assert storage.publish("first", b"first")
        for name in ("file", "folder/inside"):
            with pytest.raises(FileExistsError), storage.create(name.split("/")[0]) as stream:
                stream.write(b"slow")
                storage.publish(name, b"quick")
        with pytest.raises(OSError, match="NameNode itself"):
            storage.replace("first", b"second")
        contents = {e.path: storage.read_bytes(e.path) for e in storage.walk(temporary=True)}
    assert contents == {"first": b"first", "file": b"quick", "folder/inside": b"quick"}


@pytest.mark.parametrize("number", [0, 1])
def test_hadoops_token_files_are_read(number: int) -> None:
    """Both forms, as Hadoop's own Credentials wrote them, with a token that is not for HDFS."""
    written = json.loads(Path(__file__).with_name("tokens.json").read_text())
    file = base64.b64decode(written["files"][number])
    assert {token.service: token.text for token in parse_token_file(file)} == written["tokens"]
    for cut in range(len(file) // 2):
        with pytest.raises((ValueError, IndexError)):
            parse_token_file(file[:cut])


@pytest.mark.parametrize(
    ("url", "hosts", "root"),
    [
        ("webhdfs://nn/a%20b#c", ("nn:9870",), "/a%20b#c"),
        ("swebhdfs://nn", ("nn:9871",), "/"),
        ("webhdfs://one:1,two:2/x/", ("one:1", "two:2"), "/x"),
        ("hdfs://service/x", ("service",), "/x"),
        ("hdfs:///x", (), "/x"),
        ("webhdfs://[::1]:5/x", ("[::1]:5",), "/x"),
        ("WebHDFS://nn/X", ("nn:9870",), "/X"),
        ("HDFS://Service/x", ("Service",), "/x"),
    ],
)
def test_urls_are_taken_apart(url: str, hosts: tuple[str, ...], root: str) -> None:
    place = parse_hdfs_url(url)
    assert (place.hosts, place.root) == (hosts, root)
    assert parse_hdfs_url(str(place)) == place
