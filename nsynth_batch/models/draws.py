"""Random draws by counter: a draw depends on seed, name and its index alone."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

_WORDS_A_COUNT = 4


def philox_key(seed: int, name: object) -> npt.NDArray[np.uint64]:
    """Return the key of the Philox stream of a name under a seed.

    Parameters
    ----------
    seed : int
        The seed.
    name : str or int
        What the stream is for: a clip's id, a tensor's name, a training step.

    Returns
    -------
    uint64 [2]
    """
    digest = hashlib.sha256(f"{seed}\0{name}".encode()).digest()
    return np.frombuffer(digest[:16], dtype="<u8").astype(np.uint64)


def generator(seed: int, name: object) -> np.random.Generator:
    """Return a generator of a stream of its own; the parameters are those of `philox_key`."""
    return np.random.Generator(np.random.Philox(key=philox_key(seed, name)))


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
        self._key = philox_key(seed, clip_id)

    def uniform(self, start: int, count: int) -> npt.NDArray[np.float32]:
        """Return draws start … start + count - 1.

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
