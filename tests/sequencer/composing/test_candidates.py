"""What is known of each clip before composing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sequencer.cli import main
from sequencer.composing.candidates import find_candidates
from sequencer.errors import SequencerError
from tests.sequencer.audio.containers.files import chunk, fmt, wave
from tests.sequencer.sounds import encoded, pluck


def test_what_is_odd_about_a_clip_that_plays_is_noted(tmp_path: Path) -> None:
    sound = pluck(1.0)
    (tmp_path / "cancels.wav").write_bytes(encoded(np.stack([sound, -sound], 1)))
    open_end = wave(fmt(), chunk(b"data", encoded(pluck(1.0, 550.0))[44:], 0xFFFFFFFF))
    (tmp_path / "piped.wav").write_bytes(open_end)
    (tmp_path / "good.wav").write_bytes(encoded(pluck(1.0, 700.0)))
    (tmp_path / "short.wav").write_bytes(encoded(sound)[:-9000])
    seen: list[tuple[int, int]] = []
    found = find_candidates(tmp_path, on_progress=lambda *now: seen.append(now))
    assert seen == [(number, 4) for number in range(5)]
    assert [one.clip.file for one in found.candidates] == ["cancels.wav", "good.wav", "piped.wav"]
    notes = "\n".join(found.notes)
    assert "'cancels.wav': the 2 channels cancel each other" in notes
    assert "'piped.wav': the WAV header leaves its length open; 32,000 bytes are read" in notes
    assert "left out 'short.wav': truncated" in notes
    assert "'good.wav'" not in notes


def test_only_what_was_kept_plays_where_that_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, pitch in (("a", 300.0), ("b", 500.0), ("c", 800.0)):
        (tmp_path / f"{name}.wav").write_bytes(encoded(pluck(1.0, pitch)))
    found = find_candidates(tmp_path, choices={"b.wav": "keep", "c.wav": "reject"}, only_kept=True)
    assert [one.clip.file for one in found.candidates] == ["b.wav"]
    assert len(found.fingerprints) == 1
    with pytest.raises(SequencerError, match="the choices keep no clip that is here"):
        find_candidates(tmp_path, choices={"c.wav": "reject"}, only_kept=True)
    assert main(["compose", str(tmp_path), "-o", str(tmp_path / "p.wav"), "--only-kept"]) == 2
    assert "--only-kept goes with --choices" in capsys.readouterr().err
