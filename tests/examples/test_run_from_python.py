"""The example runs, as it stands, on two of the bundled recordings."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_two_recordings_become_two_clips(tmp_path: Path) -> None:
    bundled = Path(str(files("nsynth_batch") / "recordings"))
    (tmp_path / "in").mkdir()
    for name in ("misc_burp.flac", "misc_crow.flac"):
        shutil.copy(bundled / name, tmp_path / "in")
    folders = [str(tmp_path / name) for name in ("in", "store", "clips")]
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "run_from_python.py"), *folders],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "harvest: 2 recordings, 2 new" in done.stdout
    assert "clips: 2 rows" in done.stdout
    assert len(list((tmp_path / "clips").glob("*.wav"))) == 2
