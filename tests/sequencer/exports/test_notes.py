from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest

from sequencer.audio.notes import Note
from sequencer.cli import main
from sequencer.clips.clips import Clip
from sequencer.exports.midi import midi_bytes
from sequencer.exports.notes import clip_notes, layer_notes
from sequencer.score.files import score_json
from sequencer.score.score import Event, Score
from tests.sequencer.scores import piece
from tests.sequencer.sounds import encoded, noise, tone


def scored(folder: Path) -> Score:
    """An A (69) for a second, then the same from its middle, louder; noise beside it."""
    (folder / "a.wav").write_bytes(encoded(np.concatenate([tone(2.0), noise(2.0)])))
    (folder / "b.wav").write_bytes(encoded(noise(4.0)))
    clips = {name: Clip(name, f"{name}.wav", seconds=4.0) for name in "ab"}
    events = (
        Event(0, "a", 0, 16_000, gain_db=-12.0),
        Event(8_000, "b", 0, 64_000, layer="over"),
        Event(32_000, "a", 16_000, 32_000),
    )
    return replace(piece(), clips=clips, events=events)


def struck(content: bytes) -> list[list[tuple[float, str, int]]]:
    """By track: seconds, kind, key."""
    tracks = []
    for track in mido.MidiFile(file=io.BytesIO(content), charset="utf-8").tracks:
        now, found = 0, []
        for message in track:
            now += message.time
            if message.type in ("note_on", "note_off"):
                found.append((round(now / 1920, 1), message.type, message.note))
        tracks.append(found)
    return tracks


def test_what_has_a_pitch_becomes_notes_at_its_place(tmp_path: Path) -> None:
    score = scored(tmp_path)
    notes, missing = clip_notes(score, tmp_path)
    assert missing == []
    assert struck(midi_bytes(score, notes)) == [
        [],
        [(0.0, "note_on", 69), (1.0, "note_off", 69), (2.0, "note_on", 69), (3.0, "note_off", 69)],
        [],
    ]
    soft, loud = (note.level for note in layer_notes(score, "main", notes))
    assert loud - soft == pytest.approx(12)
    assert struck(midi_bytes(score)) == [[], [], []]


def test_a_key_that_is_struck_again_is_let_go_first() -> None:
    score = replace(piece(), events=tuple(Event(n * 8_000, "a", 0, 16_000) for n in range(3)))
    notes = {"a": [Note(0.0, 1.0, 60, -9.0)]}
    found = [(note.start, note.end) for note in layer_notes(score, "main", notes)]
    assert found == [(0.0, 0.5), (0.5, 1.0), (1.0, 2.0)]
    sounding = 0
    for _, kind, _ in struck(midi_bytes(score, notes))[1]:
        sounding += 1 if kind == "note_on" else -1
        assert sounding in (0, 1)


def test_clips_that_are_not_at_hand_are_named_and_have_markers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    score = scored(tmp_path)
    (tmp_path / "a.wav").write_bytes(b"no sound")
    (tmp_path / "b.wav").unlink()
    path = tmp_path / "x.score.json"
    path.write_text(score_json(score), encoding="utf-8")
    assert main(["export", str(path), "-o", str(tmp_path / "x.mid")]) == 0
    errors = capsys.readouterr().err
    assert "no notes of clips without their sound: " in errors and "(and 1 more)" in errors
    path.write_text(score_json(replace(score, clips_folder="nowhere")), encoding="utf-8")
    assert main(["export", str(path), "-o", str(tmp_path / "x.mid")]) == 0
    errors = capsys.readouterr().err
    assert "only markers are written: " in errors and "nowhere, which is missing" in errors
    assert struck((tmp_path / "x.mid").read_bytes()) == [[], [], []]
