"""A WaveNet's training that is killed in the midst of a save ends in the same bytes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nsynth_batch.cli import main
from nsynth_batch.models.checkpoint import POINTER
from nsynth_batch.models.weights import read_safetensors
from tests.waiting import until

RATE = 8000
SIZES = ("num_layers=4", "num_stages=2", "width=4", "skip_width=8")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    draw = np.random.default_rng(1)
    for k, pitch in enumerate((110, 220)):
        tone = 0.3 * np.sin(2 * np.pi * pitch / RATE * np.arange(RATE))
        soundfile.write(folder / f"{k}.wav", tone + 0.01 * draw.normal(size=RATE), RATE)
    return folder


def training(recordings: Path, model: Path) -> list[str]:
    words = ["train", str(model), "--from", str(recordings), "--sample-rate", str(RATE)]
    words += ["--family", "wavenet", "--preset", "tiny", "--crop-samples", "600"]
    words += [word for size in SIZES for word in ("--size", size)]
    # A save, and then sounds, after every other step, so that each part can be met.
    return [*words, "--batch", "2", "--held-out", "0", "--steps", "6", "--listen-steps", "2"]


def killed(words: list[str], moment: Callable[[], object]) -> None:
    """Run a command, and kill it as soon as something is seen."""
    command = [sys.executable, "-m", "nsynth_batch", *words]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **quiet) as process:  # type: ignore[call-overload]
        until(moment, process=process, pause=0.0005)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def saved(model: Path) -> int:
    """Return the step that a folder holds whole; 0 where it holds none."""
    try:
        return int(json.loads((model / POINTER).read_text())["step"])
    except FileNotFoundError:
        return 0


def half_saved(model: Path) -> bool:
    """Whether files of a step are there that nothing points to yet."""
    steps = [int(path.stem.partition("-")[2]) for path in model.glob("model-*.safetensors")]
    return any(step > saved(model) for step in steps)


def files(model: Path) -> dict[str, dict[str, bytes]]:
    return {
        path.name: {name: v.tobytes() for name, v in read_safetensors(str(path))[1].items()}
        for path in model.glob("*.safetensors")
    }


def test_it_ends_in_the_same_bytes(recordings: Path, tmp_path: Path) -> None:
    model, whole = tmp_path / "killed", tmp_path / "whole"
    words = training(recordings, model)
    killed(words, lambda: half_saved(model))
    assert saved(model) < 6
    assert main(words) == 0
    assert main(training(recordings, whole)) == 0
    assert files(model) == files(whole) != {}
    sounds, logs = (
        [sorted(path.name for path in folder.glob("listening/*")) for folder in (model, whole)],
        [(folder / "log.jsonl").read_text().splitlines() for folder in (model, whole)],
    )
    assert sounds[0] == sounds[1] != []
    steps = [[json.loads(line)["step"] for line in log] for log in logs]
    assert steps[0] == steps[1] == [2, 4, 6]
