"""Recordings, a SampleRNN, clips that go on from a recording, a piece and its credits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from nsynth_batch.cli import main
from nsynth_batch.models import load_model
from sequencer.cli import main as sequencer
from sequencer.clips.clips import read_clips

RATE = 8000
SIZES = ["--family", "samplernn", "--preset", "tiny", "--size", "frames=8,2", "--size", "hidden=12"]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for k, pitch in enumerate((110, 220)):
        tone = 0.3 * np.sin(2 * np.pi * pitch / RATE * np.arange(RATE))
        # Both channels become one.
        soundfile.write(folder / f"{k}.wav", np.stack([tone, tone / 2], axis=1), RATE)
    (folder / "sources.csv").write_text(
        "file,author,licence,title\n0.wav,Ann,CC0-1.0,Low\n1.wav,Bob,CC-BY-4.0,Middle\n"
    )
    return folder


def training(recordings: Path, model: Path) -> list[str]:
    words = ["train", str(model), "--from", str(recordings), "--sample-rate", str(RATE), *SIZES]
    words += ["--size", "sequence=256", "--batch", "2", "--steps", "3", "--held-out", "0"]
    return [*words, "--listen-steps", "0"]


def test_a_model_is_trained_and_its_clips_go_on_from_a_recording_and_make_a_piece(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, store = str(tmp_path / "model"), str(tmp_path / "store")
    assert main(training(recordings, tmp_path / "model")) == 0
    printed = capsys.readouterr().err
    assert "2 tiers of frames: of 8 samples (1 ms), then of 2 samples (0.25 ms)" in printed
    assert load_model(model).config.quantiser == "linear"
    assert load_model(model).config.gain == pytest.approx(1 / (0.75 * 0.3), rel=0.01)

    assert main(["harvest", str(recordings), "--store", store, "--quiet"]) == 0
    shard = ["shard", "--store", store, "--sample-rate", str(RATE), "--workers", "1", "--quiet"]
    assert main(shard) == 0
    generate = ["generate", "--checkpoint", model, "--store", store, "--seed", "3"]
    generate += ["--workers", "1", "--quiet", "--clips", "3", "--seconds", "1.5"]
    assert main([*generate, "--prime", "Low", "--prime-seconds", "0.5"]) == 0
    assert main(["clips", "--store", store, "--to", str(tmp_path / "clips")]) == 0
    clips = read_clips(tmp_path / "clips")
    assert [clip.samples for clip in clips] == [12_000] * 3
    assert len({file.read_bytes() for file in (tmp_path / "clips").glob("*.wav")}) == 3
    assert '"nll"' in (tmp_path / "clips/clips.jsonl").read_text()
    piece = str(tmp_path / "piece.wav")
    compose = ["compose", str(tmp_path / "clips"), "-o", piece, "--minutes", "0.1", "--keep-all"]
    assert sequencer(compose) == 0
    credits = next(tmp_path.glob("piece*credits*.txt")).read_text(encoding="utf-8")
    assert all(title in credits for title in ("Low", "Middle"))
    capsys.readouterr()
    # A training goes on with the sequence that it was begun with.
    assert main([*training(recordings, tmp_path / "model"), "--size", "sequence=512"]) == 2
    assert "was begun with other sizes or options (config" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--crop-samples", "80000"], "hold 2.00 s, and a sequence takes 10.00 s"),
        (["--crop-samples", "1001"], "multiple of the hop 8"),
        (["--size", "frames=8,3"], "frame lengths 8, 3 do not divide"),
        (["--size", "frames=48,8"], "no whole number of the longest frames of 48"),
        (["--size", "frames=8;2"], "give NAME=NUMBER"),
        (["--size", "width=9"], "unknown model size 'width'"),
        (["--quantiser", "none"], "no quantiser is called 'none'"),
        (["--augment"], "learns streams, which are left as they are"),
        (["--head", "mean"], "samplernn has no choice of it"),
        (["--init", "small", "--preset", "tiny"], "does not go with --init"),
    ],
)
def test_what_cannot_be_trained_is_one_line_and_2(
    words: list[str],
    message: str,
    recordings: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*training(recordings, tmp_path / "model"), *words]) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_stream_of_silence_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "zeros.wav", np.zeros(RATE), RATE)
    assert main(training(tmp_path, tmp_path / "model")) == 2
    assert "nothing but silence" in capsys.readouterr().err
