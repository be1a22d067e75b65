"""Bundled recordings as the model hears them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from sequencer.audio.recording import mono_blocks

RECORDINGS = Path(__file__).parents[3] / "nsynth_batch" / "recordings"


def recording(name: str, samples: int) -> npt.NDArray[np.float32]:
    """Read the first samples of a recording at 16 kHz: [samples]."""
    audio = np.concatenate(list(mono_blocks(RECORDINGS / name)))
    assert len(audio) >= samples
    return audio[:samples]
