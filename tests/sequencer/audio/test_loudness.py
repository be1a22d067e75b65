"""Loudness against the cases of EBU Tech 3341 and 3342, and against pyloudnorm."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.audio.loudness import Loudness, LoudnessMeter
from tests.sequencer.sounds import RECORDINGS


def loudness(sound: np.ndarray, rate: int, block: int = 10_000) -> Loudness:
    meter = LoudnessMeter(len(sound), rate)
    for start in range(0, sound.shape[1], block):
        meter.add(sound[:, start : start + block].astype(np.float32))
    return meter.loudness()


def tones(rate: int, *parts: tuple[float, float], channels: int = 2) -> np.ndarray:
    """1 kHz at levels in dB of full scale, for so many seconds each."""
    levels = np.concatenate([np.full(round(s * rate), 10 ** (db / 20)) for db, s in parts])
    wave = levels * np.sin(2 * np.pi * 1000 * np.arange(len(levels)) / rate)
    return np.stack([wave] * channels)


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_the_tones_of_tech_3341(rate: int) -> None:
    assert loudness(tones(rate, (-23, 20)), rate).integrated == pytest.approx(-23, abs=0.1)
    case_3 = tones(rate, (-36, 10), (-23, 60), (-36, 10))
    assert loudness(case_3, rate).integrated == pytest.approx(-23, abs=0.1)
    case_4 = tones(rate, (-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10))
    assert loudness(case_4, rate).integrated == pytest.approx(-23, abs=0.1)


def test_the_ranges_of_tech_3342() -> None:
    assert loudness(tones(16_000, (-20, 20), (-30, 20)), 16_000).range == pytest.approx(10, abs=0.2)
    assert loudness(tones(16_000, (-20, 20), (-15, 20)), 16_000).range == pytest.approx(5, abs=0.2)


def test_the_loudest_moments() -> None:
    found = loudness(tones(48_000, (-40, 5), (-20, 0.5), (-40, 5)), 48_000)
    assert found.momentary == pytest.approx(-20, abs=0.1)
    # Half a second of it in three: 6 times less power.
    assert found.short_term == pytest.approx(-20 - 10 * np.log10(6), abs=0.3)


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_oracle_agrees_on_a_recording(rate: int, channels: int) -> None:
    path = RECORDINGS / "ambi_piano.flac"
    sound = soundfile.read(path, always_2d=True)[0].mean(axis=1)
    sound = np.stack([sound, sound[::-1] * 0.3][:channels])
    oracle = pyloudnorm.Meter(rate).integrated_loudness(sound.T)
    assert loudness(sound, rate).integrated == pytest.approx(oracle, abs=0.15)


@given(st.integers(1, 50_000), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_blocks_do_not_matter(block: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sound = rng.normal(0, 0.1, (2, 40_000)) * np.linspace(0, 1, 40_000)
    assert loudness(sound, 16_000, block) == loudness(sound, 16_000, 40_000)


def test_what_is_too_short_or_too_quiet_has_none() -> None:
    assert loudness(tones(16_000, (-20, 0.39)), 16_000) == Loudness(None, None, None, None)
    assert loudness(tones(16_000, (-20, 0.4)), 16_000).integrated is not None
    assert loudness(np.zeros((1, 16_000)), 16_000).integrated is None
    assert loudness(tones(16_000, (-80, 2)), 16_000).integrated is None
