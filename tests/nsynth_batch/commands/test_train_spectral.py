"""`train --family spectral`: a model that has a loss and no likelihood."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nsynth_batch.cli import main
from nsynth_batch.models import load_model
from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.spectral.family import Spectral
from tests.nsynth_batch.recordings import tone, write_wav


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(Spectral.presets, "small", SpectralConfig(width=4, hidden=6))
    for name, hertz in (("low", 200.0), ("high", 300.0)):
        write_wav(tmp_path / "in" / f"{name}.wav", tone(0.5, hertz))
    write_wav(tmp_path / "held" / "other.wav", tone(0.5, 250))
    return tmp_path


def test_it_trains_listens_and_is_scored_by_its_loss(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "model"
    words = ["train", str(out), "--from", str(folder / "in"), "--family", "spectral"]
    quick = ["--steps", "100", "--batch", "1", "--crop-samples", "1024", "--listen-steps", "0"]
    assert main([*words, *quick, "--held-out", str(folder / "held")]) == 0
    printed = capsys.readouterr()
    assert re.search(r"step 100 of 100: \d\.\d{3} squared error, ", printed.err)
    assert "free running: pitch kept" in printed.err
    assert "entropy" not in printed.err + (out / "log.jsonl").read_text()
    assert re.search(r"held out +seconds +squared error\nother.wav +0\.5 +\d\.\d{4}", printed.out)
    assert load_model(out).family == "spectral"
    assert (out / "listening").is_dir()
    # What is trained is scored again, here the middle 1,024 samples.
    assert main([*words, *quick, "--held-out", str(folder / "held"), "--centre-crops"]) == 0
    assert re.search(r"\nother.wav +0\.1 +\d\.\d{4}", capsys.readouterr().out)


def test_a_recipe_of_other_families_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(folder / "model"), "--from", str(folder / "in"), "--family", "spectral"]
    assert main([*words, "--recipe", "free-running"]) == 2
    assert "--recipe free-running: the family spectral has published" in capsys.readouterr().err
