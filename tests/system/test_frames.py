"""Recordings, a model over frames, clips, a piece and its credits; killed on the way."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nsynth_batch.cli import main
from nsynth_batch.models.weights import read_safetensors
from sequencer.cli import main as sequencer
from sequencer.clips.clips import read_clips

RATE = 8000
SIZES = ["--family", "frames", "--preset", "tiny", "--batch", "2", "--crop-samples", "1200"]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for k, pitch in enumerate((110, 220, 330)):
        tone = 0.3 * np.sin(2 * np.pi * pitch / RATE * np.arange(RATE))
        soundfile.write(folder / f"{k}.wav", tone, RATE)
    (folder / "sources.csv").write_text(
        "file,author,licence,title\n0.wav,Ann,CC0-1.0,Low\n1.wav,Bob,CC-BY-4.0,Middle\n"
        "2.wav,Eve,CC0-1.0,High\n"
    )
    return folder


def training(recordings: Path, model: Path) -> list[str]:
    words = ["train", str(model), "--from", str(recordings), "--sample-rate", str(RATE), *SIZES]
    return [*words, "--steps", "6", "--held-out", "0", "--listen-steps", "3"]


def tensors(folder: Path) -> dict[str, dict[str, bytes]]:
    return {
        path.name: {k: v.tobytes() for k, v in read_safetensors(str(path))[1].items()}
        for path in folder.glob("*-*.safetensors")
    }


def test_a_training_that_is_killed_ends_in_the_same_bytes_and_its_clips_make_a_piece(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [sys.executable, "-m", "nsynth_batch", *training(recordings, tmp_path / "killed")]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (tmp_path / "killed/model.json").exists():
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert main(training(recordings, tmp_path / "killed")) == 0
    assert main(training(recordings, tmp_path / "whole")) == 0
    assert tensors(tmp_path / "killed") == tensors(tmp_path / "whole") != {}

    store, clips = str(tmp_path / "store"), str(tmp_path / "clips")
    generate = ["generate", "--checkpoint", str(tmp_path / "whole"), "--store", store]
    generate += ["--seed", "3", "--workers", "1", "--quiet"]
    assert main([*generate, "--clips", "3", "--seconds", "1.5"]) == 0
    assert main(["clips", "--store", store, "--to", clips]) == 0
    first = read_clips(tmp_path / "clips")
    assert [clip.samples for clip in first] == [12_000] * 3
    piece = str(tmp_path / "piece.wav")
    assert sequencer(["compose", clips, "-o", piece, "--minutes", "0.1", "--keep-all"]) == 0
    credits = next(tmp_path.glob("piece*credits*.txt")).read_text(encoding="utf-8")
    assert all(title in credits for title in ("Low", "Middle", "High"))

    # Half a minute is what a clip has where nothing else is asked for.
    assert main([*generate, "--clips", "1"]) == 0
    assert main(["clips", "--store", store, "--to", str(tmp_path / "long")]) == 0
    assert {clip.samples for clip in read_clips(tmp_path / "long")} == {30 * RATE}
    # A model of one family is no beginning for another.
    capsys.readouterr()
    other = ["train", str(tmp_path / "other"), "--from", str(recordings), "--family", "wavenet"]
    assert main([*other, "--init", str(tmp_path / "whole")]) == 2
    assert "is of the family frames" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--crop-samples", "400000"], "hold 3.00 s, and a sequence takes 50.00 s"),
        (["--crop-samples", "1300"], "multiple of the hop 200"),
        (["--augment"], "learns streams, which are left as they are"),
        (["--quantiser", "mu-law"], "knows the quantiser none"),
        (["--recipe", "free-running"], "--recipe free-running"),
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
    found = capsys.readouterr().err.strip().splitlines()
    assert message in found[-1]


def test_silence_and_a_single_recording_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "zeros.wav", np.zeros(RATE), RATE)
    assert main(training(tmp_path, tmp_path / "model")) == 2
    assert "nothing but silence" in capsys.readouterr().err
    soundfile.write(tmp_path / "zeros.wav", np.sin(np.arange(2 * RATE) / 9) / 2, RATE)
    assert main([*training(tmp_path, tmp_path / "model"), "--steps", "2"]) == 0
    assert "no recording is held out" in capsys.readouterr().err.replace("\n", " ")
