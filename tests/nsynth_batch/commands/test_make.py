"""From a folder of recordings to a piece by one command."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from nsynth_batch.commands.make import _say
from nsynth_batch.settings.settings import Settings
from sequencer.piece import make_piece
from sequencer.score.files import read_score
from tests.nsynth_batch.recordings import tone, write_wav


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    for i, name in enumerate(("bell", "crow", "wind")):
        write_wav(tmp_path / "recordings" / f"{name}.wav", tone(1.2, 200.0 + 50 * i))
    return tmp_path / "recordings"


def make(tiny: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "nsynth_batch", words[0], "--checkpoint", str(tiny)),
            *("--workers", "1", "--minutes", "0.05", *words[1:]),
        ],
        env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_folder_becomes_a_piece_and_what_to_do_next_is_named(
    recordings: Path, tiny: Path, tmp_path: Path
) -> None:
    # What random weights make is noise to the gate, and where nothing else is there it plays.
    words = ("make", "recordings", "--pairs", "3", "--style", "collage")
    done = make(tiny, tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert soundfile.info(tmp_path / "piece.wav").duration == pytest.approx(3.0)
    score = read_score(tmp_path / "piece.score.json")
    assert score.style == "collage"
    # Names in the folder, and titles in the score, are those of the recordings.
    [place] = (tmp_path / "cache" / "nsynth-batch").iterdir()
    assert place.name.startswith("recordings-")
    exported = [json.loads(line) for line in (place / "clips" / "clips.jsonl").open()]
    for line in exported:
        a, b = (parent["title"] for parent in line["parents"])
        assert line["file"] == f"{a}+{b}-{line['clip_id'][:8]}.wav"
        # For the audition, which plays them beside the clip.
        assert all((place / "clips" / parent["sound"]).is_file() for parent in line["parents"])
    events = json.loads((tmp_path / "piece.score.json").read_text("utf-8"))["events"]
    assert all(re.fullmatch(r"(bell|crow|wind) \+ (bell|crow|wind)", e["title"]) for e in events)
    # What it names next can be typed.
    store = shlex.split(done.stdout.splitlines()[-1])
    assert store[:2] == ["nsynth-batch", "status"]
    assert store[-1] == str(place / "store")
    first = (tmp_path / "piece.wav").read_bytes()
    again = make(tiny, tmp_path, *words, "--quiet")
    assert (again.returncode, again.stdout) == (0, ""), again.stderr
    assert "they play all the same" in again.stderr
    assert (tmp_path / "piece.wav").read_bytes() == first


def test_a_piece_that_cannot_be_written_is_found_before_the_work(
    recordings: Path, tiny: Path, tmp_path: Path
) -> None:
    (tmp_path / "piece.wav").write_text("somebody's own")
    done = make(tiny, tmp_path, "make", "recordings", "-o", "piece.wav")
    assert done.returncode == 2
    assert "piece.wav" in done.stderr
    done = make(tiny, tmp_path, "make", "recordings", "-o", "other.wav", "--minutes", "0")
    assert done.returncode == 2
    assert "minutes must be above 0" in done.stderr
    assert not (tmp_path / "cache").exists()
    # Clips go into no folder of recordings.
    words = ("make", "recordings", "-o", "other.wav", "--clips", "recordings")
    done = make(tiny, tmp_path, *words)
    assert done.returncode == 2
    assert "recordings holds bell.wav, crow.wav, wind.wav, which clips.jsonl" in done.stderr
    assert not list((tmp_path / "cache").rglob("*.parquet"))


def test_clips_that_are_left_out_are_counted_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        write_wav(tmp_path / f"{number}.wav", tone(1.0) * (1 - number / 10))
    piece = make_piece(tmp_path, tmp_path / "piece.wav", minutes=0.02, seed=1)
    assert len([line for line in piece.warnings if "near-duplicate" in line]) == 3
    _say(Settings(), piece, tmp_path)
    said = capsys.readouterr().err
    assert f"warning: 3 clips left out; the notes of {piece.score_path} say why\n" in said
    assert "near-duplicate" not in said


def test_what_is_heard_first_is_the_bundled_model_that_keeps_most(
    recordings: Path, tmp_path: Path
) -> None:
    words = [sys.executable, "-m", "nsynth_batch"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NSYNTH_BATCH_")}
    both = [*words, "mashup", *(f"recordings/{name}.wav" for name in ("bell", "crow"))]
    for variables, model in (({}, "spectral"), ({"NSYNTH_BATCH_CHECKPOINT": "small"}, "small")):
        done = subprocess.run(
            [*both, "-o", "both.wav", "--seconds", "0.2"],
            env={**environment, **variables}, cwd=tmp_path,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert f" by {model} (" in done.stdout
    for command, shown in (("make", "spectral"), ("demo", "spectral"), ("run", "small")):
        done = subprocess.run(
            [*words, command, "--help"], capture_output=True, text=True, check=True
        )
        assert f"[default: {shown}]" in " ".join(done.stdout.split())
