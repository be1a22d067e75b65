"""Encodings drawn over time."""

from __future__ import annotations

import io

import numpy as np
import pytest

from sequencer.pictures.channels import channels

matplotlib = pytest.importorskip("matplotlib")


def colours_of(png: bytes) -> set[tuple[int, ...]]:
    from matplotlib.image import imread

    pixels = (imread(io.BytesIO(png))[..., :3] * 255).round().astype(int)
    flat = pixels.reshape(-1, 3)
    found, counts = np.unique(
        flat[flat.max(axis=1) - flat.min(axis=1) > 30], axis=0, return_counts=True
    )
    return {
        tuple(colour) for colour, count in zip(found.tolist(), counts, strict=True) if count > 30
    }


def test_each_of_16_channels_has_a_colour_and_the_bytes_are_the_same_again() -> None:
    levels = np.repeat(np.arange(16, dtype=np.float32)[None], 40, axis=0)
    drawn = channels([("Bell $5", levels), ("Crow \U0001f426", levels[:1])], 0.032)
    assert drawn.startswith(b"\x89PNG")
    assert drawn == channels([("Bell $5", levels), ("Crow \U0001f426", levels[:1])], 0.032)
    assert len(colours_of(drawn)) >= 16
    assert len(colours_of(channels([("one", levels[:, :1])], 0.032))) < 4
