"""Sound files made on the spot, and the real recordings."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

RECORDINGS = Path(__file__).parents[2] / "nsynth_batch" / "recordings"
RATE = 16_000

Samples = npt.NDArray[np.float32]


def tone(seconds: float = 1.0, frequency: float = 440.0, level: float = 0.5) -> Samples:
    time = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def noise(seconds: float = 1.0, level: float = 0.1, seed: int = 0) -> Samples:
    rng = np.random.default_rng(seed)
    return rng.normal(0, level, round(seconds * RATE)).astype(np.float32)


def pluck(seconds: float = 1.0, frequency: float = 440.0, level: float = 0.5) -> Samples:
    """A tone that dies away with some breath in it: nothing the gate objects to."""
    fall = np.exp(-np.arange(round(seconds * RATE)) / RATE * 4 / seconds)
    hiss = noise(seconds, 0.02, round(frequency))
    return ((tone(seconds, frequency, level) + hiss) * fall).astype(np.float32)


def strokes(seed: int, seconds: float) -> npt.NDArray[np.float64]:
    """Strokes of noise at irregular moments."""
    draw = np.random.default_rng(seed)
    sound = np.zeros(round(seconds * RATE))
    at = 0
    while at < len(sound):
        length = int(draw.integers(RATE // 16, RATE // 3))
        part = sound[at : at + length]
        part += draw.normal(0, 0.2, len(part)) * np.exp(-np.arange(len(part)) / (length / 4))
        at += length
    return sound


def encoded(
    samples: npt.NDArray[np.floating],
    kind: str = "WAV",
    subtype: str | None = "PCM_16",
    rate: int = RATE,
) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=kind, subtype=subtype)
    return out.getvalue()
