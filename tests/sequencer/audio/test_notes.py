from __future__ import annotations

import numpy as np
import pytest

from sequencer.audio.notes import notes_of
from tests.sequencer.sounds import RATE, noise, tone


def hertz(number: int) -> float:
    return float(440 * 2 ** ((number - 69) / 12))


def test_a_melody_comes_back_with_its_times_and_pauses() -> None:
    played = [(57, 0.0, 0.6), (60, 0.6, 1.1), (64, 1.6, 2.4)]
    sound = np.zeros(round(3.0 * RATE), np.float32)
    for number, start, end in played:
        part = tone(end - start, hertz(number))
        sound[round(start * RATE) :][: len(part)] = part
    found = notes_of([sound], RATE)
    assert [note.number for note in found] == [57, 60, 64]
    for note, (_, start, end) in zip(found, played, strict=True):
        assert note.start == pytest.approx(start, abs=0.1)
        assert note.end == pytest.approx(end, abs=0.1)
        assert note.level == pytest.approx(-9, abs=1.5)


def test_blocks_do_not_cut_a_note() -> None:
    sound = tone(4.0, 220.0)
    (whole,) = notes_of([sound], RATE)
    (parts,) = notes_of([sound[:RATE], sound[RATE : 3 * RATE], sound[3 * RATE :]], RATE)
    assert (parts.number, parts.start, parts.end) == (whole.number, 0.0, pytest.approx(4.0))


def test_noise_silence_and_glides_have_no_notes_and_vibrato_is_one() -> None:
    time = np.arange(2 * RATE) / RATE
    dull = np.convolve(noise(2.0, 0.3), np.hanning(60), "same").astype(np.float32)
    glide = np.sin(2 * np.pi * np.cumsum(200 * 2 ** (2 * time)) / RATE).astype(np.float32)
    for sound in (noise(2.0, 0.3), dull, glide, np.zeros(RATE, np.float32), tone(0.0)):
        assert notes_of([sound], RATE) == []
    pitch = hertz(60) * 2 ** (0.4 * np.sin(2 * np.pi * 5 * time) / 12)
    vibrato = 0.5 * np.sin(2 * np.pi * np.cumsum(pitch) / RATE).astype(np.float32)
    assert [note.number for note in notes_of([vibrato], RATE)] == [60]
