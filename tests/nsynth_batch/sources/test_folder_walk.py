"""Odd entries of a folder: each harms only itself."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from hdfs_jobs.errors import BadInput, UsageError
from nsynth_batch.sources import folder_walk
from nsynth_batch.sources.folder_walk import open_plain
from nsynth_batch.sources.resolve import resolve
from tests.nsynth_batch.recordings import write_wav


def bind(path: Path) -> None:
    # The address of a socket has to be short.
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "pipe": (os.mkfifo, folder_walk.NO_PLAIN_FILE),
    "socket": (bind, folder_walk.NO_PLAIN_FILE),
    "device": (lambda path: path.symlink_to("/dev/zero"), folder_walk.NO_PLAIN_FILE),
    "link to itself": (lambda path: path.symlink_to(path.name), folder_walk.LOOP),
    "link to its folder": (lambda path: path.symlink_to("."), folder_walk.LOOP),
    "link far up": (lambda path: path.symlink_to(path.parent.parent), folder_walk.LOOP),
    "link to nothing": (lambda path: path.symlink_to("none.wav"), folder_walk.DEAD_LINK),
    "link through a file": (lambda path: path.symlink_to("x.wav/y"), folder_walk.DEAD_LINK),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", ["odd.wav", "below/odd.wav", "odd"])
def test_what_is_no_plain_file_is_left_out_by_name(tmp_path: Path, kind: str, name: str) -> None:
    write_wav(tmp_path / "in" / "x.wav")
    write_wav(tmp_path / "in" / "below" / "y.wav")
    make, reason = ODD[kind]
    make(tmp_path / "in" / name)
    source = resolve(str(tmp_path / "in"))
    assert [offer.path for offer in source.offers()] == ["below/y.wav", "x.wav"]
    assert source.left_out == {reason: [name]}


def test_two_pairs_of_links_that_lead_into_each_other_end(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        write_wav(tmp_path / name / f"{name}.wav")
        for other in {"a", "b", "c", "d"} - {name}:
            (tmp_path / name / f"to {other}").symlink_to(f"../{other}")
    found = [offer.path for offer in resolve(str(tmp_path)).offers()]
    assert {"a/a.wav", "b/b.wav", "c/c.wav", "d/d.wav"} <= set(found)
    assert len(found) <= 4 + 12 * 4


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "live.wav")
    with pytest.raises(BadInput, match="no plain file"):
        open_plain(tmp_path / "live.wav")


def test_a_table_of_rights_that_cannot_be_read_is_no_reason_to_do_without(tmp_path: Path) -> None:
    write_wav(tmp_path / "x.wav")
    (tmp_path / "sources.csv").symlink_to("/dev/null")
    source = resolve(str(tmp_path))
    assert [offer.path for offer in source.offers()] == ["x.wav"]
    assert source.left_out == {folder_walk.NO_PLAIN_FILE: ["sources.csv"]}
    assert source.notes == ("rights are not read: sources.csv is no plain file",)


@pytest.mark.parametrize("kind", [*ODD, "folder"])
@pytest.mark.parametrize("name", ["sources.csv", "below/Sources.CSV"])
def test_what_is_only_called_as_a_table_of_rights_is_warned_of(
    tmp_path: Path, kind: str, name: str
) -> None:
    write_wav(tmp_path / "x.wav")
    write_wav(tmp_path / "below" / "y.wav")
    make = Path.mkdir if kind == "folder" else ODD[kind][0]
    make(tmp_path / name)
    source = resolve(str(tmp_path))
    assert [offer.path for offer in source.offers()] == ["below/y.wav", "x.wav"]
    assert source.notes == (f"rights are not read: {name} is no plain file",)


def test_when_nothing_is_left_the_reasons_are_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "live.wav")
    with pytest.raises(UsageError, match=r"no audio .*pipe, socket or device: live\.wav"):
        resolve(str(tmp_path)).offers()
