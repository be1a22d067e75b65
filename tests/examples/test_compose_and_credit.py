"""The sequencer's notebook runs as it stands, and holds what its cells show."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
import soundfile

from scripts.notebook import executed

NOTEBOOK = Path(__file__).parents[2] / "examples" / "compose_and_credit.ipynb"


def test_a_piece_is_composed_edited_and_credited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    done, kept = executed(NOTEBOOK, tmp_path), nbformat.read(NOTEBOOK, as_version=4)
    assert soundfile.info(tmp_path / "piece.wav").duration == 15.0
    assert soundfile.info(tmp_path / "short.wav").duration == 7.5
    assert "Credits" in (tmp_path / "piece.credits.txt").read_text("utf-8")
    # What is kept in the repository is what a reader gets, but for pictures made small.
    for now, then in zip(done.cells, kept.cells, strict=True):
        shown = [
            [output.get("text", output.get("data", {}).get("text/plain")) for output in each]
            for each in (now.get("outputs", ()), then.get("outputs", ()))
        ]
        assert shown[0] == shown[1]
    assert done.cells[-1].outputs[0]["data"]["text/plain"] == "True"
    assert NOTEBOOK.stat().st_size < 200_000
