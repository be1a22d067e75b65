from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from sequencer.files import replacing

OLD, NEW = b"old" * 50_000, b"new!" * 50_000


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(OLD)
    with replacing(path) as part:
        part.write_bytes(NEW[:1000])
        assert path.read_bytes() == OLD
        part.write_bytes(NEW)
        assert path.read_bytes() == OLD
    assert path.read_bytes() == NEW
    assert list(tmp_path.iterdir()) == [path]


def test_the_name_moves_and_the_old_content_is_not_written_over(tmp_path: Path) -> None:
    path, another_name = tmp_path / "a.wav", tmp_path / "b.wav"
    path.write_bytes(OLD)
    os.link(path, another_name)
    with path.open("rb") as reader:
        with replacing(path) as part:
            part.write_bytes(NEW)
            written = part.stat().st_ino
        assert reader.read() == OLD
    assert another_name.read_bytes() == OLD
    assert path.stat().st_ino == written


def test_there_is_no_moment_without_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(OLD)
    seen: set[bytes | None] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            try:
                seen.add(path.read_bytes())
            except FileNotFoundError:
                seen.add(None)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for turn in range(200):
            with replacing(path) as part:
                part.write_bytes(OLD if turn % 2 else NEW)
    finally:
        done.set()
        watcher.join()
    assert seen
    assert seen <= {OLD, NEW}


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(OLD)
    with pytest.raises(ConnectionError), replacing(path) as part:
        part.write_bytes(NEW)
        raise ConnectionError("gone")
    assert path.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [path]


def test_a_part_that_was_never_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a.wav"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_error_names_the_file_and_not_what_is_written_first(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "a.wav"
    with pytest.raises(FileNotFoundError) as caught, replacing(path) as part:
        part.write_bytes(NEW)
    assert caught.value.filename == str(path)
    folder = tmp_path / "folder"
    (folder / "full").mkdir(parents=True)
    with pytest.raises(OSError) as refused, replacing(folder) as part:
        part.write_bytes(NEW)
    assert (refused.value.filename, refused.value.filename2) == (str(folder), None)
    assert list(tmp_path.iterdir()) == [folder]
