"""The example trains a model that learns and that `load_model` takes."""

from __future__ import annotations

import re
from pathlib import Path

import soundfile

from tests.examples.running import bundled, run_example


def test_two_recordings_become_a_model(tmp_path: Path) -> None:
    recordings = bundled(tmp_path / "in", "misc_burp.flac", "misc_crow.flac")
    words = recordings, tmp_path / "model", tmp_path / "out.wav"
    printed = run_example("train_from_folder.py", *words)
    assert "2 recordings, 1.3 s" in printed
    losses = [float(nll) for nll in re.findall(r"([\d.]+) nats", printed)]
    assert len(losses) == 4
    assert losses[-1] < losses[0] < 6
    assert soundfile.info(tmp_path / "out.wav").frames == 2048
