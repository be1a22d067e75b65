"""Loops and fades: what repeats until its end, and what falls silent before it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.audio.recording import load_audio
from sequencer.clips.course import course
from tests.sequencer.builders import mu_law
from tests.sequencer.sounds import RATE, RECORDINGS, noise, pluck, strokes, tone

DIGITAL_LOOPS = {"loop_tabla"}
"""Of the recordings those that repeat themselves to the sample."""


def tiled(sound: np.ndarray, seconds: float) -> np.ndarray:
    return np.resize(sound, round(seconds * RATE))


PATTERN = strokes(1, 0.75)
LOOPS = {
    "to the sample": (tiled(PATTERN, 8), 0.75, 0.0),
    "in mu-law, with noise": (mu_law(tiled(PATTERN, 8)) + noise(8.0, 0.005), 0.75, 0.0),
    "after music": (np.concatenate([strokes(2, 3), tiled(PATTERN, 6)]), 0.75, 3.0),
    "a buzz": (np.sign(tone(4.0, 25.0)) * 0.2 + noise(4.0, 0.01), 0.04, 0.0),
    "a stutter": (tiled(strokes(3, 0.11), 4), 0.11, 0.0),
}


@pytest.mark.parametrize(("sound", "period", "since"), LOOPS.values(), ids=LOOPS)
def test_what_repeats_is_a_loop(sound: np.ndarray, period: float, since: float) -> None:
    found = course(sound.astype(np.float32), RATE)
    assert found.loops
    assert found.period == pytest.approx(period, abs=0.02)
    assert found.since == pytest.approx(since, abs=period)


def test_strokes_in_time_whose_noise_is_drawn_anew_are_a_loop() -> None:
    shape = np.exp(-np.arange(RATE // 2) / (RATE / 12))
    sound = np.concatenate([drawn_noise(i) * shape for i in range(16)])
    found = course((sound + noise(8.0, 0.001)).astype(np.float32), RATE)
    assert found.loops
    assert found.period == pytest.approx(0.5, abs=0.02)


def drawn_noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.2, RATE // 2)


OTHERS = {
    "strokes at any moment": strokes(4, 8),
    "white noise": noise(6.0),
    "a pluck": pluck(4.0),
    "a decaying tone": tone(4.0) * np.exp(-np.arange(4 * RATE) / RATE),
    "a glide": np.sin(2 * np.pi * np.cumsum(np.linspace(200, 900, 6 * RATE)) / RATE),
    "twice the same": tiled(strokes(5, 3), 6),
    "too short": strokes(6, 0.4),
    "nothing": np.zeros(0),
    "silence": np.zeros(2 * RATE),
}


@pytest.mark.parametrize("sound", OTHERS.values(), ids=OTHERS)
def test_what_does_not_is_none(sound: np.ndarray) -> None:
    assert not course(sound.astype(np.float32), RATE).loops


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.flac")), ids=lambda path: path.stem)
def test_of_real_recordings_digital_loops_alone_are_loops(path: Path) -> None:
    found = course(load_audio(path, RATE), RATE)
    assert found.loops == (path.stem in DIGITAL_LOOPS)
    assert not found.fades


@pytest.mark.parametrize("floor", [0.0, 1e-4])
def test_the_moment_of_falling_silent_is_found(floor: float) -> None:
    sound = np.concatenate([strokes(7, 3), np.zeros(5 * RATE)]) + noise(8.0, 1.0) * floor
    found = course(sound.astype(np.float32), RATE)
    assert found.fades
    assert found.silent_from == pytest.approx(3.0, abs=0.4)
    # A rest in the midst is none, nor a tail that is short.
    again = np.concatenate([sound, strokes(8, 1)])
    assert not course(again.astype(np.float32), RATE).fades
    assert not course(sound[: 5 * RATE].astype(np.float32), RATE).fades


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 999),
    samples=st.integers(0, 3 * RATE),
    gain=st.floats(1e-4, 1.0),
)
def test_any_sound_has_a_course(seed: int, samples: int, gain: float) -> None:
    sound = (gain * np.random.default_rng(seed).normal(0, 0.2, samples)).astype(np.float32)
    found = course(sound, RATE)
    assert 0 <= found.likeness <= 1.0001
    assert 0 <= found.silent_from <= found.seconds == samples / RATE
    assert not found.loops
