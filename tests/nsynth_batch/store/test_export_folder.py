"""Clips are exported to a folder of their own, and never over what somebody else has there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from nsynth_batch.pipeline.steps import lineage_of
from nsynth_batch.store.clip_export import export_clips
from tests.nsynth_batch.recordings import tone, write_wav

OLD_STORE = Path(__file__).parents[2] / "data" / "store-0.1" / "store"


def exported(folder: Path) -> dict[Path, bytes]:
    export_clips(Store.open(str(OLD_STORE)), folder, lineage_of, parents=True)
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(folder: Path, words: str) -> None:
    there = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(UsageError, match=re.escape(words) + ".*: give clips an empty or a new"):
        exported(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == there


def test_a_folder_of_its_own_is_written_to_again(tmp_path: Path) -> None:
    own = tmp_path / "own"
    whole = exported(own)
    (own / "choices.json").write_text("{}")
    # One's own sound beside an index is not hidden by the next one.
    write_wav(own / "mine.wav", tone(0.1))
    more = {path: path.read_bytes() for path in (own / "choices.json", own / "mine.wav")}
    assert exported(own) == whole | more
    # An export that was killed has left sounds and no index.
    (own / "mine.wav").unlink()
    (own / "clips.jsonl").unlink()
    assert exported(own).keys() == whole.keys() | {own / "choices.json"}


def test_a_folder_of_other_sounds_or_clips_is_refused(tmp_path: Path) -> None:
    write_wav(tmp_path / "recordings" / "deep" / "bell-12345678.wav", tone(0.1))
    refused(tmp_path / "recordings", "recordings holds deep/bell-12345678.wav, which clips.jsonl")
    write_wav(tmp_path / "flat" / "bell-12345678.wav", tone(0.1))
    refused(tmp_path / "flat", "flat holds bell-12345678.wav, which")
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "sources.csv").write_text("file,author\nbell.wav,Ann\n")
    refused(tmp_path / "table", "table holds sources.csv")
    own = tmp_path / "own"
    exported(own)
    index = own / "clips.jsonl"
    lines = index.read_text("utf-8").splitlines()
    clip_id = re.search(r'"clip_id": "(\w+)"', lines[0])
    assert clip_id
    index.write_text("\n".join([lines[0].replace(clip_id[1], "f" * 24), *lines[1:]]) + "\n")
    refused(own, f"{index} lists 1 clip that {OLD_STORE} does not hold, as ")
    index.write_text("my list\n")
    refused(own, f"{index}, line 1: not a line of JSON")
    shutil.copy(OLD_STORE / "store.json", own)
    refused(own, f"{own} is a store")
