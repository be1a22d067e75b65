"""`train --family wavenet`: what it begins with, and what its model carries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nsynth_batch.catalog.content import content_sha1
from nsynth_batch.cli import main
from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.loading import load_model
from nsynth_batch.models.wavenet.plain_config import PlainConfig
from nsynth_batch.models.wavenet.plain_family import PlainWaveNet
from tests.nsynth_batch.recordings import tone, write_wav

SOURCES = """file,author,licence,title
low.wav,Ann,CC-BY-4.0,Low hum
"""
QUICK = ["--family", "wavenet", "--preset", "tiny", "--batch", "1", "--crop-samples", "512"]


@pytest.fixture(autouse=True)
def quick_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = PlainConfig(num_layers=3, num_stages=3, width=4, skip_width=8)
    monkeypatch.setitem(PlainWaveNet.presets, "tiny", sizes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, hertz in (("low", 200.0), ("high", 300.0)):
        write_wav(tmp_path / "in" / f"{name}.wav", tone(0.2, hertz))
    (tmp_path / "in/sources.csv").write_text(SOURCES)
    return tmp_path / "in"


def test_a_model_carries_whom_it_has_learned_from(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "model")
    words = ["train", out, *QUICK, "--quantiser", "linear", "--held-out", "0"]
    assert main([*words, "--from", str(folder), "--steps", "1"]) == 0
    model = load_model(out)
    behind = model.trained_on
    rows = {row.rights.title: row for row in behind.recordings}
    assert set(rows) == {"Low hum", "high"}
    with (folder / "low.wav").open("rb") as stream:
        assert rows["Low hum"].file == content_sha1(stream)
    assert (rows["Low hum"].rights.author, rows["high"].rights.known) == ("Ann", False)
    assert behind.seconds == pytest.approx(0.4, abs=0.01)
    assert (model.family, model.quantiser.name) == ("wavenet", "linear")
    assert model.config.gain == pytest.approx(1 / np.abs(tone(0.2, 200.0)).max(), rel=0.01)
    listening = tmp_path / "model/listening/step-000001"
    assert {"temperature-0.8.wav", "temperature-1.wav"} <= {p.name for p in listening.iterdir()}
    # Others come later, louder ones too: the model goes on, and rests on all of them.
    (folder / "low.wav").unlink()
    write_wav(folder / "new.wav", 0.99 * np.sign(tone(0.2, 150.0)))
    assert main([*words, "--from", str(folder), "--steps", "2"]) == 0
    again = load_model(out)
    assert again.metadata["step"] == "2"
    assert {row.rights.title for row in again.trained_on.recordings} == {"Low hum", "high", "new"}
    assert again.config == model.config
    capsys.readouterr()
    assert main(["checkpoint", "inspect", out]) == 0
    assert "trained on 3 recordings, 0:01" in capsys.readouterr().out
    # A model that goes on from another rests on what that was trained on.
    on = ["train", str(tmp_path / "on"), "--family", "wavenet", "--init", out, "--steps", "1"]
    write_wav(tmp_path / "one/solo.wav", tone(0.2, 500.0))
    on += ["--batch", "1", "--crop-samples", "512", "--from", str(tmp_path / "one")]
    assert main(on) == 0
    rests = load_checkpoint(tmp_path / "on").metadata["trained_on"]
    assert all(title in rests for title in ("Low hum", "high", "new", "solo"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--family", "wavenet", "--crop-samples", "5117"],
            "crops of 5117 samples leave nothing to",
        ),
        (["--quantiser", "linear"], "--quantiser: the family nsynth has one of its own"),
        (["--family", "wavenet", "--preset", "h512_bo16"], "choose one of tiny, small, paper"),
        (["--family", "wavenet", "--init", "small"], "--init small: is of the family nsynth"),
    ],
)
def test_what_does_not_go_together_is_one_line_and_2(
    words: list[str],
    message: str,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert main(["train", str(out), "--from", str(folder), "--held-out", "0", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_silence_teaches_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wav(tmp_path / "in/zeros.wav", np.zeros(4000, np.float32))
    out = str(tmp_path / "out")
    assert main(["train", out, *QUICK, "--from", str(tmp_path / "in"), "--held-out", "0"]) == 2
    assert "the recordings hold nothing but silence" in capsys.readouterr().err
