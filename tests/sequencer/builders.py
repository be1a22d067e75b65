"""What tests of the sequencer begin from: candidates for a composition, and speech of a WaveNet."""

from __future__ import annotations

import numpy as np

from sequencer.clips.clips import Clip, Parent
from sequencer.clips.measures import measure
from sequencer.composing.candidates import Candidate
from tests.sequencer.sounds import RATE, Samples, pluck

MEASURES = measure(pluck(1.0), RATE)


def candidate(name: str, length: int = RATE, parents: tuple[str, ...] = ()) -> Candidate:
    clip = Clip(
        name,
        f"{name}.wav",
        samples=length,
        seconds=length / RATE,
        parents=tuple(Parent(parent) for parent in parents),
    )
    return Candidate(clip, length, MEASURES, RATE)


def mu_law(samples: np.ndarray) -> Samples:
    """Eight-bit mu-law and back, as a WaveNet speaks."""
    companded = np.sign(samples) * np.log1p(255 * np.abs(samples)) / np.log(256)
    codes = np.clip(np.floor(companded * 128), -128, 127)
    out = (codes + 0.5) / 128
    return (np.sign(out) * (256 ** np.abs(out) - 1) / 255).astype(np.float32)
