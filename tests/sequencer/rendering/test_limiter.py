"""True peaks, and the limiter that holds them."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.audio.true_peak import REACH, TruePeakMeter
from sequencer.rendering.limiter import ATTACK_SECONDS, HOLD_SECONDS, RELEASE_SECONDS, Limiter

CEILING = 10 ** (-1 / 20)


def decibels(level: float) -> float:
    return float(20 * np.log10(level))


def true_peak(sound: np.ndarray, block: int = 7000) -> float:
    meter = TruePeakMeter(len(sound))
    for start in range(0, sound.shape[1], block):
        meter.add(sound[:, start : start + block].astype(np.float32))
    meter.finish()
    return decibels(meter.peak)


def oversampled_peak(sound: np.ndarray, rate: int) -> float:
    """The same by soxr at eight times the rate."""
    wide = soxr.resample(np.pad(sound, ((0, 0), (500, 500))).T, rate, 8 * rate, "VHQ")
    return decibels(np.abs(wide).max())


def limited(sound: np.ndarray, rate: int, block: int = 1 << 15) -> tuple[np.ndarray, Limiter]:
    limiter = Limiter(len(sound), rate, CEILING)
    parts = [
        limiter.add(sound[:, start : start + block].astype(np.float32))
        for start in range(0, sound.shape[1], block)
    ]
    return np.concatenate([*parts, limiter.finish()], axis=1), limiter


def music(rate: int, seconds: float = 4.0, seed: int = 0) -> np.ndarray:
    """Chords with strokes, up to 8 kHz, in two channels, far beyond full scale."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    sound = np.zeros((2, len(time)))
    for _ in range(30):
        place, begin = rng.uniform(0, 1), rng.uniform(0, seconds)
        wave = np.sin(2 * np.pi * rng.uniform(40, 7000) * time + rng.uniform(0, 6))
        wave *= np.exp(-4 * np.maximum(0, time - begin)) * (time > begin)
        sound += np.stack([place * wave, (1 - place) * wave])
    return sound


def test_a_peak_between_samples_is_found() -> None:
    # Sampled at 45 and 135 degrees: the samples stop 3 dB below the wave.
    sound = np.sin(np.pi / 2 * np.arange(4000) + np.pi / 4)[None]
    assert decibels(np.abs(sound).max()) == pytest.approx(-3.01, abs=0.01)
    assert true_peak(sound * np.hanning(4000)) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_true_peaks_are_those_of_an_oversampled_wave(rate: int) -> None:
    for seed in range(5):
        sound = music(rate, seed=seed)
        assert true_peak(sound) == pytest.approx(oversampled_peak(sound, rate), abs=0.4)
        assert true_peak(sound) == pytest.approx(true_peak(sound, 100_000), abs=1e-6)


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize("gain", [1.0, 3.0])
def test_peaks_are_held_and_little_is_lost(rate: int, gain: float) -> None:
    sound = music(rate) * gain
    out, limiter = limited(sound, rate)
    assert out.shape == sound.shape
    assert oversampled_peak(out, rate) < -1.0
    assert true_peak(out) == pytest.approx(-1.1, abs=0.05)
    assert decibels(limiter.peak) == pytest.approx(true_peak(out), abs=0.02)
    assert decibels(limiter.least) == pytest.approx(-1.1 - true_peak(sound), abs=0.05)


def test_what_is_below_the_ceiling_passes_untouched() -> None:
    sound = music(16_000)
    sound = (sound / np.abs(sound).max() * 0.6).astype(np.float32)
    out, limiter = limited(sound, 16_000)
    np.testing.assert_array_equal(out, sound)
    assert limiter.least == 1.0


def test_its_reach_is_finite() -> None:
    rate = 16_000
    sound = music(rate) * 2
    other = sound.copy()
    other[:, 30_000:30_010] += 5.0
    out, changed = limited(sound, rate)[0], limited(other, rate)[0]
    differ = np.flatnonzero((out != changed).any(axis=0))
    ahead = 2 * round(ATTACK_SECONDS * rate) + 2 * REACH + HOLD_SECONDS * rate
    assert 30_000 - ahead < differ[0] < 30_000
    behind = (2 * ATTACK_SECONDS + HOLD_SECONDS + RELEASE_SECONDS) * rate + 2 * REACH
    assert 30_010 < differ[-1] < 30_010 + behind


def test_the_gain_does_not_jump() -> None:
    rate = 48_000
    sound = np.full((1, rate), 0.5)
    sound[0, 20_000:20_100] = 2.0
    out, _ = limited(sound, rate)
    gain = out[0] / sound[0]
    assert gain.min() < 0.45
    assert np.abs(np.diff(gain)).max() < 0.01


@given(st.integers(50, 20_000))
@settings(max_examples=20, deadline=None)
def test_blocks_do_not_matter(block: int) -> None:
    sound = music(16_000, 1.0) * 2
    expected = limited(sound, 16_000)[0]
    np.testing.assert_allclose(limited(sound, 16_000, block)[0], expected, atol=1e-6)
