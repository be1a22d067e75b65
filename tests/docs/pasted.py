"""A user's home, and the documents' commands as they are pasted there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import soundfile

ROOT = Path(__file__).parents[2]
RECORDINGS = ("perc_bell", "misc_crow", "bass_voxy_c")
_RUN = re.compile(r"<!-- run -->\n```sh\n(.*?)```", re.DOTALL)


def blocks_to_run(document: Path) -> list[list[str]]:
    """Return the commands of each block of a document that is marked to be run."""
    found = _RUN.findall(document.read_text("utf-8"))
    return [block.replace("\\\n", " ").strip().splitlines() for block in found]


def make_home(folder: Path) -> Path:
    """Write short recordings to a user's home."""
    (folder / "recordings").mkdir()
    for name in RECORDINGS:
        source = ROOT / "nsynth_batch" / "recordings" / f"{name}.flac"
        plain = name.removeprefix("perc_").removeprefix("misc_")
        sound, rate = soundfile.read(source, frames=16_000)
        soundfile.write(folder / "recordings" / f"{plain}.wav", sound, rate)
    return folder


def paste(command: str, home: Path, checkpoint: Path | str) -> None:
    """Run a command as a user does, with a small model and few processes; it must end with 0."""
    programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "NSYNTH_BATCH_CHECKPOINT": str(checkpoint),
        "NSYNTH_BATCH_WORKERS": "1",
        "NSYNTH_BATCH_PAIRS": "6",
        "NSYNTH_BATCH_SEGMENT_SECONDS": "1.024",
    }
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=home, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
