"""Recordings to test with: the bundled ones, and made ones of every kind."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import soundfile

RECORDINGS = Path(str(files("nsynth_batch"))) / "recordings"


def tone(seconds: float, pitch: float = 220.0, rate: int = 16_000) -> np.ndarray:
    """A tone that falls, so that no two stretches of it are alike: float64 [n]."""
    t = np.arange(round(seconds * rate)) / rate
    return 0.5 * np.exp(-t) * np.sin(2 * np.pi * pitch * t)


def write_wav(
    path: Path, samples: np.ndarray | None = None, rate: int = 16_000, subtype: str = "PCM_16"
) -> Path:
    """Write samples, a short tone keyed by the file's name by default."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if samples is None:
        samples = tone(0.3, 100.0 + sum(path.name.encode("utf-8", "surrogateescape")))
    soundfile.write(str(path), samples, rate, subtype=subtype, format="WAV")
    return path
