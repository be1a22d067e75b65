"""Which sounds to listen to: the loudest stretch of recordings spread over a corpus."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nsynth_batch.training.corpus import Corpus
from sequencer.audio.samples import from_int16

Audio = npt.NDArray[np.float32]
Sound = tuple[str, Audio]
"""A name, and float32 [n] of whole hops at the model's sample rate."""


def stretches(
    corpus: Corpus, hop: int, *, count: int = 6, seconds: float = 2.0, short: bool = False
) -> list[Sound]:
    """Pick sounds to listen to: the loudest stretch of recordings spread over a corpus.

    Parameters
    ----------
    corpus : Corpus
    hop : int
        Stretches are of whole hops.
    count : int
        At most so many recordings, spread evenly over those that are at least half as long as a
        stretch, or over all where none is.
    seconds : float
        Longest stretch; infinity for whole recordings.
    short : bool
        Take recordings that are shorter than half a stretch as well.

    Returns
    -------
    list of (name, float32 [n])
    """
    longest = seconds if math.isfinite(seconds) else corpus.seconds
    wanted = max(hop, int(longest * corpus.sample_rate) // hop * hop)
    usable = [(name, samples) for name, samples in corpus.recordings() if len(samples) >= hop]
    long = [(name, samples) for name, samples in usable if short or len(samples) >= wanted // 2]
    long = long or usable
    places = sorted({round(k) for k in np.linspace(0, len(long) - 1, count)}) if long else []
    return [(long[k][0], _loudest(from_int16(long[k][1]), wanted, hop)) for k in places]


def _loudest(audio: Audio, length: int, hop: int) -> Audio:
    audio = audio[: len(audio) // hop * hop]
    frames = min(length, len(audio)) // hop
    power = np.square(audio, dtype=np.float64).reshape(-1, hop).sum(axis=1)
    sums = np.convolve(power, np.ones(frames), "valid")
    start = int(sums.argmax()) * hop
    return audio[start : start + frames * hop]
