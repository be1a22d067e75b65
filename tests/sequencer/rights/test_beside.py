from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from sequencer.errors import SequencerError
from sequencer.rights.beside import rights_beside
from sequencer.rights.rights import UNKNOWN_LICENCE, Rights

SILENCE = np.zeros(800)


def tagged(path: Path, **tags: str) -> Path:
    with soundfile.SoundFile(path, "w", 16_000, 1) as file:
        for name, text in tags.items():
            setattr(file, name, text)
        file.write(SILENCE)
    return path


def test_the_table_goes_before_the_tags(tmp_path: Path) -> None:
    path = tagged(tmp_path / "bell.flac", title="Tagged", artist="Eve", license="CC0-1.0")
    assert rights_beside(path) == Rights("Tagged", "Eve", "CC0-1.0")
    (tmp_path / "Sources.CSV").write_text("file,author,licence\nBell.FLAC,Ann,CC-BY-4.0\n")
    found = rights_beside(path)
    assert (found.author, found.licence, found.title) == ("Ann", "CC-BY-4.0", "bell")


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("CC-BY-4.0 https://creativecommons.org/licenses/by/4.0/", "CC-BY-4.0"),
        ("CC-BY-4.0 OR GFDL-1.3-only", "CC-BY-4.0 OR GFDL-1.3-only"),
        ("Copyright 2020 Eve", UNKNOWN_LICENCE),
        ("mine", UNKNOWN_LICENCE),
        ("", UNKNOWN_LICENCE),
    ],
)
def test_a_licence_in_tags_counts_if_spdx_lists_it(tmp_path: Path, text: str, licence: str) -> None:
    path = tagged(tmp_path / "a.flac", **({"license": text} if text else {}))
    assert rights_beside(path).licence == licence


def test_what_has_neither_has_its_name_for_a_title(tmp_path: Path) -> None:
    (tmp_path / "crow.m4a").write_bytes(b"\0" * 50)
    assert rights_beside(tmp_path / "crow.m4a") == Rights("crow")
    (tmp_path / "sources.csv").write_text("file,author,licence\ncrow.m4a,Ann,no licence\n")
    with pytest.raises(SequencerError, match=r"sources\.csv"):
        rights_beside(tmp_path / "crow.m4a")
