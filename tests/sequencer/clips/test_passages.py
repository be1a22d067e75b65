"""Copies of recordings: found where they are, and not where a sound is only alike."""

from __future__ import annotations

import numpy as np
import pytest

from sequencer.audio.recording import load_audio
from sequencer.clips.passages import PASSAGE_SECONDS, Passages
from tests.sequencer.builders import mu_law
from tests.sequencer.sounds import RATE, RECORDINGS, noise, strokes, tone


def float32(sound: np.ndarray) -> np.ndarray:
    return np.asarray(sound, np.float32)


SOURCES = [strokes(seed, 12) for seed in (11, 12, 13)]


@pytest.fixture(scope="module")
def passages() -> Passages:
    found = Passages(RATE)
    for number, sound in enumerate(SOURCES):
        found.add(number, float32(sound))
    return found


@pytest.mark.parametrize("start", [0.0, 3.21, 7.777])
def test_a_copy_is_found_where_it_is(passages: Passages, start: float) -> None:
    first = round(start * RATE)
    copy = mu_law(SOURCES[1][first : first + 4 * RATE]) + noise(4.0, 0.003)
    found = passages.find(float32(copy))
    assert found.share > 0.8
    assert found.source == 1
    assert found.at - found.since == pytest.approx(start, abs=0.1)


def test_a_clip_that_is_half_a_copy_says_which_half(passages: Passages) -> None:
    clip = np.concatenate([strokes(21, 4), SOURCES[2][2 * RATE : 6 * RATE]])
    found = passages.find(float32(clip))
    assert 0.3 < found.share < 0.65
    assert found.source == 2
    assert found.since == pytest.approx(4.0, abs=0.6)


@pytest.mark.parametrize(
    "sound",
    [strokes(22, 6), noise(4.0), tone(4.0), np.zeros(0), np.zeros(4 * RATE), strokes(11, 1)],
)
def test_what_is_no_copy_is_none(passages: Passages, sound: np.ndarray) -> None:
    assert passages.find(float32(sound)).share == 0.0


def test_without_recordings_nothing_is_copied() -> None:
    empty = Passages(RATE)
    empty.add(0, float32(strokes(1, PASSAGE_SECONDS / 2)))
    assert empty.find(float32(strokes(1, 4))).source == -1


def test_a_real_recording_is_no_copy_of_the_others() -> None:
    sounds = {path.stem: load_audio(path, RATE) for path in sorted(RECORDINGS.glob("*.flac"))}
    for name in ("loop_safari", "loop_tabla", "drum_roll"):
        others = Passages(RATE)
        for number, (other, sound) in enumerate(sounds.items()):
            if other != name:
                others.add(number, sound)
        assert others.find(sounds[name]).share == 0.0, name
