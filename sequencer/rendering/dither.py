"""Dither: the noise that is added before the one rounding, drawn from a score's seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sequencer.audio.samples import Samples, quantised
from sequencer.composing.draws import generator


def dither(seed: int, bits: int) -> Callable[[Samples], npt.NDArray[np.generic]]:
    """Return what turns blocks, float32 [channels, n], into frames [n, channels] of so many bits.

    Blocks follow each other: the noise goes on where the block before ended. Frames of 32 bits are
    floats, which need none.

    Parameters
    ----------
    seed : int
        Of the draws.
    bits : int
        Of a sample of the output: 16, 24 or 32.
    """
    draws = generator(seed, "dither").bit_generator

    def rounded(block: Samples) -> npt.NDArray[np.generic]:
        frames = np.ascontiguousarray(block.T)
        if bits == 32:
            return frames
        # Triangular, two steps wide: the rounding error has no colour and no modulation.
        count = frames.size
        drawn = np.asarray(draws.random_raw((count + 1) // 2), "<u8").view(np.uint16)
        noise = np.subtract(drawn[:count], drawn[count : 2 * count], dtype=np.float32)
        noise *= np.float32(1 / 65536)
        return quantised(frames, bits, noise.reshape(frames.shape))

    return rounded
