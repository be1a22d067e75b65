"""`train --workers`: what the command makes of a training on workers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nsynth_batch.cli import main
from nsynth_batch.models import load_model
from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.spectral.family import Spectral
from tests.nsynth_batch.recordings import tone, write_wav


def test_it_trains_on_workers_and_reports_their_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Spectral.presets, "small", SpectralConfig(width=4, hidden=6))
    write_wav(tmp_path / "in" / "low.wav", tone(0.5, 200.0))
    out = tmp_path / "model"
    words = ["train", str(out), "--from", str(tmp_path / "in"), "--family", "spectral"]
    quick = ["--steps", "100", "--batch", "1", "--crop-samples", "1024", "--listen-steps", "0"]
    assert main([*words, *quick, "--held-out", "0", "--workers", "1"]) == 0
    printed = capsys.readouterr()
    assert "--batch" not in printed.err
    assert re.search(r"step 100 of 100: .*, \d+% of the workers' time without a gr", printed.err)
    assert load_model(out).family == "spectral"
    records = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records if "exchange_share" in record] == [100]
    assert main([*words, *quick, "--held-out", "0", "--exchange", "alone"]) == 2
    assert "other sizes or options (exchange)" in capsys.readouterr().err
