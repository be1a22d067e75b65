"""What a clip was made from decides whether noise is a failure: of tones it is, of noises not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from nsynth_batch.cli import main
from sequencer.cli import main as sequencer
from tests.nsynth_batch.job import Job
from tests.nsynth_batch.recordings import tone, write_wav

RATE = 16_000


def done(folder: Path, checkpoint: Path, kind: str) -> Job:
    """A job of two recordings of two seconds and one pair."""
    folder.mkdir()
    job = Job(folder, checkpoint)
    rng = np.random.default_rng(1)
    for number in range(2):
        hiss = rng.normal(0, 0.1, 2 * RATE)
        sound = tone(2.0, 300 + 100 * number) if kind == "tones" else hiss
        write_wav(job.recordings / f"{number}.wav", sound)
    words = ("run", str(job.recordings), "--checkpoint", str(checkpoint), "--pairs", "1")
    ran = job.do(*words, "--workers", "1", "--segment-seconds", "2.016", more=False)
    assert ran.returncode == 0, ran.stderr
    return job


def exported(job: Job, folder: Path) -> dict[str, object]:
    assert main(["clips", "--store", job.url, "--to", str(folder)]) == 0
    [line] = (folder / "clips.jsonl").read_text().splitlines()
    clip: dict[str, object] = json.loads(line)
    return clip


@pytest.mark.parametrize(("kind", "word"), [("tones", "noise"), ("noises", "good")])
def test_noise_is_a_failure_unless_its_parents_are_noise(
    tmp_path: Path, tiny: Path, kind: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model has random weights, and makes noise of all."""
    job = done(tmp_path / "job", tiny, kind)
    clip = exported(job, tmp_path / "clips")
    origin = clip["origin"]
    assert isinstance(origin, dict)
    assert clip["verdict"] == word, clip
    assert origin["structure"] < 0.05
    assert (origin["source_structure"] > 0.5) == (kind == "tones")
    assert abs(origin["partials"]) < 0.1
    said = "1 of 1 clips rejected as noise: take `--checkpoint spectral`, which keeps the pitch"
    assert (said in capsys.readouterr().out) == (word == "noise")
    piece = ["compose", str(tmp_path / "clips"), "-o", str(tmp_path / "piece.wav")]
    assert sequencer([*piece, "--minutes", "0.05"]) == (2 if word == "noise" else 0)
    error = capsys.readouterr().err
    if word == "noise":
        assert error.count("\n") == 1
        for part in ("none of the 1 clip", "nsynth-batch train", "--keep-all"):
            assert part in error

    # Without the segments the clip is known by itself alone.
    shutil.rmtree(Path(job.url) / "audio")
    clip = exported(job, tmp_path / "without")
    assert clip["verdict"] == "noise"
    assert "nothing lasts in it" in str(clip["verdict_reason"])
