"""The example composes a piece of bundled recordings, and credits who is heard in it."""

from __future__ import annotations

from pathlib import Path

import soundfile

from tests.examples.running import bundled, run_example

NAMES = ("misc_burp.flac", "misc_crow.flac", "elec_chime.flac", "guit_e_slide.flac")


def test_clips_become_a_piece_with_credits(tmp_path: Path) -> None:
    out = tmp_path / "piece.wav"
    clips = bundled(tmp_path / "clips", *NAMES)
    printed = run_example("compose_from_clips.py", clips, out, "0.1")
    assert '"Crow" by davidworksonline, CC0-1.0' in printed
    assert "in the middle: " in printed
    assert "the piece's own licence: CC0-1.0" in printed
    found = soundfile.info(out)
    assert (found.frames, found.samplerate) == (6 * 44_100, 44_100)
    for credits in (tmp_path / "piece.credits.txt", tmp_path / "piece.credits.html"):
        assert "davidworksonline" in credits.read_text("utf-8")
