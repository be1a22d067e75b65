"""Random draws by counter: the draw of a sample depends on seed, id and its index alone."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

_WORDS_A_COUNT = 4


class Draws:
    """The uniform draws of one clip, from a Philox 4x64 generator keyed by seed and id.

    Draw i is word i of the generator's stream, so any stretch of it can be had at any time: a
    clip draws the same whatever its batch, its worker, or how often it was interrupted
    (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).

    Parameters
    ----------
    seed : int
        Seed of the run.
    clip_id : str
        What the clip is called.
    """

    def __init__(self, seed: int, clip_id: str) -> None:
        digest = hashlib.sha256(f"{seed}\0{clip_id}".encode()).digest()
        self._key = np.frombuffer(digest[:16], dtype="<u8").astype(np.uint64)

    def uniform(self, start: int, count: int) -> npt.NDArray[np.float32]:
        """Give draws start … start + count - 1.

        Parameters
        ----------
        start, count : int
            In samples.

        Returns
        -------
        float32 [count], in [0, 1)
        """
        skip = start % _WORDS_A_COUNT
        generator = np.random.Philox(key=self._key)
        generator.advance(start // _WORDS_A_COUNT)
        words = generator.random_raw(skip + count)[skip:]
        # 24 bits: the most that a float32 below 1 holds without rounding up to 1.
        return (words >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
