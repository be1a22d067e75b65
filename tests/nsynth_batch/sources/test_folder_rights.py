"""The documented form of a sources.csv, held against what reads it, in folders of any storage."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hdfs_jobs.storage.open import open_storage
from nsynth_batch.sources.folder import FolderSource
from sequencer.errors import SequencerError
from sequencer.rights.sources_csv import COLUMNS, REQUIRED_COLUMNS, read_sources
from tests.nsynth_batch.recordings import write_wav

ROOT = Path(__file__).parents[3]


def test_the_documented_columns_are_those_that_are_read() -> None:
    text = (ROOT / "docs" / "rights.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)`( \(required\))? \| (.+) \|$", text, re.MULTILINE)
    assert {name: what for name, _, what in rows} == COLUMNS
    assert tuple(name for name, required, _ in rows if required) == REQUIRED_COLUMNS


def test_the_example_of_the_docs_is_read(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "rights.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```csv\n(.+?)```", text, re.DOTALL)
    (tmp_path / "sources.csv").write_text(example)
    [row] = read_sources(tmp_path / "sources.csv").values()
    assert row.rights.known
    assert row.categories == ("exterior",)


def test_the_nearest_table_counts_and_a_wrong_one_is_named_by_its_place(tmp_path: Path) -> None:
    write_wav(tmp_path / "sub" / "owl.wav")
    head = "file,author,licence\n"
    (tmp_path / "sources.csv").write_text(head + "sub/owl.wav,Far,MIT\n")
    source = FolderSource(open_storage(str(tmp_path)))
    assert [offer.rights.author for offer in source.offers()] == ["Far"]
    near = tmp_path / "sub" / "sources.csv"
    near.write_text(head + "owl.wav,Near,MIT\n")
    assert [offer.rights.author for offer in source.offers()] == ["Near"]
    near.write_text(head + "owl.wav,Near,free\n")
    with pytest.raises(SequencerError, match=rf"{near}, line 2, column 'licence': 'free' is not"):
        list(source.offers())
