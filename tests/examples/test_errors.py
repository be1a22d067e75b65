"""Examples end as the commands do: with a line that says what to do, and no traceback."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nsynth_batch.pipeline import steps
from sequencer.scripts import run_script
from tests.examples.running import ROOT, tried

SCRIPTS = sorted(path.name for path in (ROOT / "examples").glob("*.py"))


def main_of(name: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    spec = importlib.util.spec_from_file_location("example", ROOT / "examples" / name)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "example", module)
    spec.loader.exec_module(module)
    main: Callable[..., int] = module.main
    return main


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_is_not_there_and_too_few_words_are_a_line(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # One of them adds a step, which is to be gone with it.
    monkeypatch.setattr(steps, "ALL", steps.ALL)
    main = main_of(name, monkeypatch)
    assert run_script(main, []) == 2
    usage = capsys.readouterr().err
    assert f"Usage: python examples/{name} " in usage
    count = usage.partition("Usage:")[2].partition("\n")[0].count(" ") - 2
    words = [str(tmp_path / "missing" / str(number)) for number in range(count - 1)] + ["1"]
    assert run_script(main, words) == 2
    assert "missing" in capsys.readouterr().err.splitlines()[-1]


def test_clips_that_are_all_rejected_are_a_line(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000, np.float32), 16_000)
    done = tried("compose_from_clips.py", tmp_path, tmp_path / "piece.wav", "0.1")
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"error: none of the 1 sound in {tmp_path} has anything to hear")
