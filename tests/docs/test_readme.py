"""README is short, and its commands work as pasted, in the order in which they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"<!-- run -->\n```sh\n(.*?)```", TEXT, re.DOTALL)
MOST_LINES = 160
RECORDINGS = ("perc_bell", "misc_crow", "bass_voxy_c")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's home with short recordings, in which all three walk one after the other."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "recordings").mkdir()
    for name in RECORDINGS:
        source = ROOT / "nsynth_batch" / "recordings" / f"{name}.flac"
        plain = name.removeprefix("perc_").removeprefix("misc_")
        target = folder / "recordings" / f"{plain}.wav"
        sound, rate = soundfile.read(source, frames=16_000)
        soundfile.write(target, sound, rate)
    return folder


def test_readme_is_read_in_one_sitting_and_shows_three_ways_in() -> None:
    assert len(TEXT.splitlines()) <= MOST_LINES
    assert len(BLOCKS) == 3
    assert all(len(block.strip().splitlines()) == 5 for block in BLOCKS)


@pytest.mark.parametrize("block", BLOCKS, ids=["musician", "operator", "engineer"])
def test_the_first_commands_of_each_reader_work_as_pasted(
    block: str, home: Path, tiny: Path
) -> None:
    # The model is a small one of random weights, and few pairs: what is shown is that they work.
    programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "NSYNTH_BATCH_CHECKPOINT": str(tiny),
        "NSYNTH_BATCH_WORKERS": "1",
        "NSYNTH_BATCH_SEGMENT_SECONDS": "1.024",
    }
    assert shutil.which("nsynth-batch", path=environment["PATH"])
    for command in block.strip().splitlines():
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=home, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
