from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from sequencer.pictures.comparison import comparison

RATE = 16_000
TIME = np.arange(2 * RATE, dtype=np.float32) / RATE


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def test_a_tone_is_a_line_at_its_height_and_noise_is_everywhere() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, len(TIME)).astype(np.float32)
    tone = (0.5 * np.sin(2 * np.pi * 4000 * TIME)).astype(np.float32)
    picture = pixels(comparison([("a $tone$", tone), ("noise", noise)], RATE))
    half = picture[:, picture.shape[1] // 2 :]
    middle = half[:, half.shape[1] // 2].sum(axis=1)
    above, below = np.array_split(middle, 2)
    # 4 of 8 kHz: the brightest line of the upper spectrogram stands in its middle.
    inside = np.flatnonzero(above < 765)
    bright = inside[above[inside].argmax()]
    assert abs(bright - inside.mean()) < 0.1 * len(inside)
    dark = lambda part: np.count_nonzero(part < 60)  # noqa: E731
    assert dark(above) > 3 * dark(below)


def test_the_same_sounds_give_the_same_bytes_whatever_their_lengths() -> None:
    sounds = [("empty", TIME[:0]), ("short", TIME[:100]), ("long", TIME / 4)]
    assert comparison(sounds, RATE) == comparison(sounds, RATE)


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_any_rate_is_drawn(rate: int) -> None:
    assert comparison([("x", TIME / 4)], rate).startswith(b"\x89PNG")


def test_an_encoding_is_drawn_below_the_sounds() -> None:
    sounds = [("x", TIME / 4)]
    encoding = np.random.default_rng(0).normal(size=(62, 16)).astype(np.float32)
    alone = pixels(comparison(sounds, RATE))
    drawn = comparison(sounds, RATE, ("codes of $x", encoding, 0.032))
    assert drawn == comparison(sounds, RATE, ("codes of $x", encoding, 0.032))
    both = pixels(drawn)
    assert both.shape[0] == pytest.approx(2 * alone.shape[0], abs=2)
    lower = both[alone.shape[0] :]
    # Lines of many colours stand in the lower panel, over its whole width.
    coloured = lower.max(axis=2) - lower.min(axis=2) > 60
    assert coloured.any(axis=0).mean() > 0.85
