"""What has come of a file, kept in a store in pieces."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.errors import InfrastructureError
from hdfs_jobs.storage.local import LocalStorage
from nsynth_batch.sources.web.partial_file import PARTIALS, PIECE_BYTES, Partial, discard_old


@given(st.lists(st.one_of(st.binary(min_size=1, max_size=40), st.sampled_from(["keep", "kill"]))))
def test_what_was_kept_is_there_after_any_kills(steps: list[bytes | str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        storage = LocalStorage(folder)
        partial = Partial(storage, "key")
        kept = held = b""
        for step in steps:
            if isinstance(step, bytes):
                partial.write(step)
                held += step
            elif step == "keep":
                partial.keep()
                kept = held
            else:
                partial = Partial(storage, "key")
                held = kept
            assert partial.have == len(held)
            assert b"".join(partial.blocks()) == held
        partial.discard()
        assert Partial(storage, "key").have == 0


def test_a_whole_piece_is_kept_by_itself_with_its_validator(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    partial = Partial(storage, "key")
    partial.validator = '"abc"'
    partial.write(bytes(PIECE_BYTES - 1))
    assert not list(storage.walk())
    partial.write(b"xy")
    again = Partial(storage, "key")
    assert (again.have, again.validator) == (PIECE_BYTES + 1, '"abc"')


def test_a_piece_after_a_gap_is_not_taken(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    for start in (0, 5):
        with storage.create(f"{PARTIALS}/key/{start:015d}") as stream:
            stream.write(b"1234")
    assert b"".join(Partial(storage, "key").blocks()) == b"1234"


def test_two_at_one_file_are_told(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    one, other = Partial(storage, "key"), Partial(storage, "key")
    for partial in (one, other):
        partial.write(b"abc")
    one.keep()
    with pytest.raises(InfrastructureError, match="another harvest"):
        other.keep()


def test_what_nobody_went_on_with_for_long_is_removed(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    for key in ("old", "new", "wanted"):
        partial = Partial(storage, key)
        partial.write(b"abc")
        partial.keep()
    for key in ("old", "wanted"):
        long_ago = time.time() - 40 * 86400
        os.utime(tmp_path / PARTIALS / key, (long_ago, long_ago))
    discard_old(storage, {"wanted"})
    assert {entry.name for entry in storage.list(PARTIALS)} == {"new", "wanted"}
