"""Random draws that depend on a seed and nothing else."""

from __future__ import annotations

from typing import Literal

import numpy as np

from sequencer.errors import SequencerError

_STREAMS = {"compose": 0, "dither": 1, "replace": 2}


def generator(seed: int, stream: Literal["compose", "dither", "replace"]) -> np.random.Generator:
    """Return the counter-based generator (Philox) of one purpose.

    Raises
    ------
    SequencerError
        For a seed that does not fit into 64 bits.
    """
    if not 0 <= seed < 2**64:
        raise SequencerError("the seed must be a whole number from 0 to 2^64 - 1")
    key = np.array([seed, _STREAMS[stream]], np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
