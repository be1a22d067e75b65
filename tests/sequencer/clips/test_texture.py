from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.audio.recording import load_audio
from sequencer.clips.texture import LEAST_FRAMES, partials_kept, texture
from tests.sequencer.sounds import RATE, RECORDINGS, Samples, noise, pluck, tone

NOISES = ("ambi_lunar_land", "vinyl_rewind")
"""Of the recordings those that are noise: a rocket, and a record that is wound back."""


@pytest.mark.parametrize("path", sorted(RECORDINGS.glob("*.flac")), ids=lambda path: path.stem)
def test_of_real_recordings_only_noises_are_noise(path: Path) -> None:
    assert texture(load_audio(path), RATE).noisy == (path.stem in NOISES)


@pytest.mark.parametrize(
    ("samples", "noisy"),
    [
        (noise(3.0), True),
        (noise(40.0), True),
        (np.convolve(noise(3.0), np.ones(8) / 8)[:48_000].astype(np.float32), True),
        (tone(3.0), False),
        (pluck(3.0), False),
        (np.concatenate([tone(1.0), noise(2.0)]).astype(np.float32), False),
        (noise(0.5), False),
        (np.zeros(48_000, np.float32), False),
        (np.zeros(0, np.float32), False),
        (np.ones(100, np.float32), False),
    ],
)
def test_known_sounds(samples: Samples, noisy: bool) -> None:
    assert texture(samples, RATE).noisy == noisy


def test_what_glides_is_no_noise() -> None:
    """A siren over two octaves: nothing of its spectrum lasts, but each frame has a pitch."""
    t = np.arange(3 * RATE) / RATE
    phase = 2 * np.pi * np.cumsum(220 * 2 ** (1 + np.sin(2 * np.pi * 0.7 * t))) / RATE
    siren = sum(np.sin(k * phase) / k for k in range(1, 6)) * 0.2
    found = texture(siren.astype(np.float32), RATE)
    assert found.voiced > 0.5
    assert not found.noisy


@given(seconds=st.floats(0.8, 4.0), level=st.floats(0.002, 0.3), seed=st.integers(0, 2**16))
def test_white_noise_is_noise_at_any_length_and_level(
    seconds: float, level: float, seed: int
) -> None:
    found = texture(noise(seconds, level, seed), RATE)
    assert found.frames >= LEAST_FRAMES
    assert found.noisy


def test_partials_are_compared_where_the_source_weighs_more() -> None:
    bell, hiss = pluck(3.0), noise(3.0)
    half = np.repeat([1.0, 0.0], 50)
    first = np.where(np.arange(len(bell)) < len(bell) // 2, bell, hiss).astype(np.float32)
    assert partials_kept(bell, first, half, RATE) > 0.9
    assert abs(partials_kept(bell, first, 1 - half, RATE)) < 0.1
    assert np.isnan(partials_kept(bell, first, np.zeros(100), RATE))
