"""The example cross-fades two bundled recordings, to the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from tests.examples.running import bundled, run_example


def test_two_recordings_become_one_sound(tmp_path: Path) -> None:
    folder = bundled(tmp_path / "in", "misc_burp.flac", "misc_crow.flac")
    recordings = folder / "misc_burp.flac", folder / "misc_crow.flac"
    outs = [tmp_path / "one.wav", tmp_path / "two.wav"]
    for out in outs:
        assert "15 frames, 0.48 s" in run_example("encode_and_decode.py", *recordings, out)
    samples, rate = soundfile.read(outs[0])
    assert (len(samples), rate) == (15 * 512, 16_000)
    assert np.abs(samples).max() > 0.01
    assert outs[0].read_bytes() == outs[1].read_bytes()
