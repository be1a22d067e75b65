"""A limiter that looks ahead, so that no true peak goes beyond its ceiling.

Its gain at any sample follows from the samples within a fixed reach of it and nothing else: it can
be streamed, and an edit changes nothing further away.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sequencer.audio.samples import Samples
from sequencer.audio.true_peak import REACH, PeakEnvelope

ATTACK_SECONDS = 0.005
HOLD_SECONDS = 0.015
"""Half a period of 33 Hz: what is louder than that is not bent within its period."""
RELEASE_SECONDS = 0.1
MARGIN_DB = 0.1
"""What another meter may find more: true peaks are as exact as the filter that measures them."""

Gains = npt.NDArray[np.float64]


class Limiter:
    """Holds true peaks at a ceiling; the output is as long as the input and not late.

    The gain that each sample needs is held over the attack before it and the hold after it,
    smoothed over the attack, and comes back no faster than the mean of the release: short peaks
    are let go of soon, long ones slowly.

    Parameters
    ----------
    channels, sample_rate : int
        All channels get the same gain.
    ceiling : float
        Full scale 1; peaks are held `MARGIN_DB` below it.

    Attributes
    ----------
    least : float
        The lowest gain so far, 1 when nothing was limited.
    peak : float
        The true peak of the output so far, full scale 1.
    """

    def __init__(self, channels: int, sample_rate: int, ceiling: float) -> None:
        self._ceiling = ceiling * 10 ** (-MARGIN_DB / 20)
        # Twice the half: the smoothing is two means of that length.
        half = max(1, round(ATTACK_SECONDS * sample_rate / 2))
        self._half = half
        self._ahead = 2 * half + REACH
        self._hold = max(REACH, round(HOLD_SECONDS * sample_rate))
        self._release = max(1, round(RELEASE_SECONDS * sample_rate))
        self._envelope = PeakEnvelope(channels)
        self._sound = np.zeros((channels, 0), np.float32)
        # The envelope from `behind` samples before the next output on.
        self._behind = self._release + 2 * half + self._hold
        self._levels = np.zeros(self._behind, np.float32)
        self.least = 1.0
        self.peak = 0.0

    def add(self, block: Samples) -> Samples:
        """Take float32 samples [channels, n], give what is ready, float32 [channels, m]."""
        self._sound = np.concatenate([self._sound, block], axis=1)
        return self._limited(self._envelope.add(block, self._threshold()))

    def finish(self) -> Samples:
        """Return the rest; the limiter is used up."""
        rest = self._limited(self._envelope.finish(self._threshold()))
        quiet = np.zeros(self._ahead, np.float32)
        return np.concatenate([rest, self._limited(quiet)], axis=1)

    def _threshold(self) -> float:
        """Return the level that neither needs a gain nor is a new peak."""
        return min(self._ceiling, self.peak)

    def _limited(self, envelope: Samples) -> Samples:
        self._levels = np.concatenate([self._levels, envelope])
        count = len(self._levels) - self._behind - self._ahead
        if count <= 0:
            return self._sound[:, :0]
        out = self._sound[:, :count]
        self._sound = self._sound[:, count:]
        levels: Samples | Gains = self._levels[self._behind : self._behind + count]
        if float(self._levels.max()) > self._ceiling:
            gains = self._gains()
            self.least = min(self.least, float(gains.min()))
            out = (out * gains).astype(np.float32)
            levels = levels * gains
        self.peak = max(self.peak, float(levels.max()))
        self._levels = self._levels[count:]
        return out

    def _gains(self) -> Gains:
        # Each step is shorter than the one before by its window; what is left lines up with `out`.
        ceiling = np.float32(self._ceiling)
        needed: Samples = (ceiling / np.maximum(self._levels, ceiling)).astype(np.float32)
        held = _sliding_min(needed, self._hold + 1 + self._ahead)
        smooth = _sliding_mean(_sliding_mean(held, self._half + 1), self._half + 1)
        slow = _sliding_mean(smooth, self._release + 1)
        gains: Gains = np.minimum(smooth[self._release :], slow)
        return gains


def _sliding_min(values: Samples, size: int) -> Samples:
    """Return the least of each `size` neighbours [n - size + 1], by doubling."""
    done = 1
    while done < size:
        step = min(done, size - done)
        values = np.minimum(values[:-step], values[step:])
        done += step
    return values


def _sliding_mean(values: Samples | Gains, size: int) -> Gains:
    """Return the mean of each `size` neighbours [n - size + 1]."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    means: Gains = (sums[size:] - sums[:-size]) / size
    return means
