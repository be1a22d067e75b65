"""The example runs, as it stands, on two of the bundled recordings."""

from __future__ import annotations

from pathlib import Path

from tests.examples.running import bundled, run_example


def test_two_recordings_become_two_clips(tmp_path: Path) -> None:
    recordings = bundled(tmp_path / "in", "misc_burp.flac", "misc_crow.flac")
    clips = tmp_path / "clips"
    printed = run_example("run_from_python.py", recordings, tmp_path / "store", clips)
    assert "harvest: 2 recordings, 2 new" in printed
    assert "clips: 2 rows" in printed
    assert len(list(clips.glob("*.wav"))) == 2
