"""Silence at the ends of recordings, left out of a corpus."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nsynth_batch.training.corpus import Corpus
from sequencer.audio.samples import from_int16

_WINDOW_SECONDS = 0.02
"""Over which a level is measured: a click is no sound, a quiet recording is one."""

_WINDOWS_AT_ONCE = 4096


def trimmed(corpus: Corpus, threshold: float) -> tuple[Corpus, dict[str, float]]:
    """Leave out the silence at the beginning and the end of each recording.

    What lies between sounds stays, so that nothing is spliced.

    Parameters
    ----------
    corpus : Corpus
    threshold : float
        Root mean square of 20 ms, in decibels below full scale (-60), under which it is silence.

    Returns
    -------
    (Corpus, dict of str to float)
        A corpus without it, and the seconds that were left out of each recording that had some. A
        recording of nothing but silence is left out whole.
    """
    left_out: dict[str, float] = {}
    rate = corpus.sample_rate

    def recordings() -> Iterator[tuple[str, list[npt.NDArray[np.int16]]]]:
        for name, samples in corpus.recordings():
            first, last = sounding(samples, rate, threshold)
            if last - first < len(samples):
                left_out[name] = (len(samples) - (last - first)) / rate
            if last > first:
                yield name, [samples[first:last]]

    # The first line runs through all recordings, and so fills the second value.
    kept = Corpus(recordings(), rate)
    kept.rejected = corpus.rejected
    return kept, left_out


def sounding(samples: npt.NDArray[np.int16], rate: int, threshold: float) -> tuple[int, int]:
    """Return where a recording begins to sound, and where it ends; 0, 0 if it never does.

    Parameters
    ----------
    samples : int16 [n]
    rate : int
        Samples a second.
    threshold : float
        As in `trimmed`.
    """
    window = max(1, round(_WINDOW_SECONDS * rate))
    least = 10.0 ** (threshold / 10)
    block = window * _WINDOWS_AT_ONCE
    loud: list[npt.NDArray[np.int64]] = []
    for start in range(0, len(samples), block):
        power = np.square(from_int16(samples[start : start + block]), dtype=np.float64)
        at = np.arange(0, len(power), window)
        means = np.add.reduceat(power, at) / np.diff(np.append(at, len(power)))
        loud.append((start + at[means >= least]).astype(np.int64))
    found = np.concatenate(loud) if loud else np.zeros(0, np.int64)
    if not len(found):
        return 0, 0
    return int(found[0]), min(len(samples), int(found[-1]) + window)
