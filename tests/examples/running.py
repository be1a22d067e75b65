"""Run an example as a person does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).parents[2]


def bundled(folder: Path, *names: str) -> Path:
    """Copy bundled recordings, and who made them, to a folder."""
    folder.mkdir()
    for name in (*names, "sources.csv"):
        shutil.copy(Path(str(files("nsynth_batch") / "recordings" / name)), folder)
    return folder


def tried(name: str, *words: Path | str) -> subprocess.CompletedProcess[str]:
    """Run an example, however it ends."""
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *map(str, words)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def run_example(name: str, *words: Path | str) -> str:
    """Return what an example prints; it must end with 0."""
    done = tried(name, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout
