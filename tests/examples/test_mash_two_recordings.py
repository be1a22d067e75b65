"""The notebook runs as it stands, and shows what its cells return."""

from __future__ import annotations

import ast
import base64
from pathlib import Path

import nbformat
import pytest
import soundfile
from nbformat import NotebookNode

from scripts.notebook import NOTEBOOK, executed

MOST_BYTES = 200_000


def shown(notebook: NotebookNode) -> list[list[list[str]]]:
    """Return the kinds of what each cell of code shows, in order."""
    return [
        [sorted(output.get("data", {"text": ""})) for output in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def test_two_recordings_become_a_sound_with_measures_and_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    done = executed(NOTEBOOK, tmp_path)
    info = soundfile.info(tmp_path / "both.wav")
    assert (info.frames, info.samplerate) == (46 * 512, 16_000)
    texts = [
        output["data"]["text/plain"]
        for cell in done.cells
        for output in cell.get("outputs", ())
        if output.output_type == "execute_result"
    ]
    assert "True" in texts, "the same call gave other bytes"
    [kept] = [ast.literal_eval(text) for text in texts if "pitch kept" in text]
    assert kept["small"]["pitch kept"] < kept["demo"]["pitch kept"] <= 1
    assert kept["demo"]["partials"] < kept["spectral"]["partials"] <= 1
    pictures = [
        base64.b64decode(output["data"]["image/png"])
        for cell in done.cells
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 2
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    # What is kept in the repository is of these cells, and small.
    assert shown(nbformat.read(NOTEBOOK, as_version=4)) == shown(done)
    assert NOTEBOOK.stat().st_size < MOST_BYTES
