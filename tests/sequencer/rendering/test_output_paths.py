"""Where a piece is written."""

from __future__ import annotations

from pathlib import Path

from sequencer.rendering.output_paths import Writing, paths_of


def test_stems_have_no_spaces_unless_two_would_be_one(tmp_path: Path) -> None:
    paths = paths_of(tmp_path / "a piece.wav", None, Writing(), force=False)
    found = paths.stems(tmp_path, ["layer 1", "a b", "a-b"])
    assert [path.name for path in found.values()] == [
        "a piece-layer-1.wav",
        "a piece-a b.wav",
        "a piece-a-b.wav",
    ]
