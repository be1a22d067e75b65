"""True peaks: how far the wave between the samples goes (ITU-R BS.1770-4, annex 2)."""

from __future__ import annotations

import numpy as np

from sequencer.audio.samples import Samples

REACH = 6
"""Samples on either side that a point between two samples is interpolated from."""

# So many samples at a time are passed over where all of them are low.
_AT_ONCE = 1 << 12


def _filter(fraction: float) -> Samples:
    """Windowed sinc weights [2 REACH] of the samples around a point between two of them."""
    distances = np.arange(1 - REACH, 1 + REACH) - fraction
    window = np.i0(5.0 * np.sqrt(1.0 - (distances / (REACH + 0.5)) ** 2))
    weights = np.sinc(distances) * window
    scaled: Samples = (weights / weights.sum()).astype(np.float32)
    return scaled


_FILTERS = [_filter(fraction) for fraction in (0.25, 0.5, 0.75)]
MOST_GAIN = float(max(np.abs(weights).sum() for weights in _FILTERS))
"""No point between samples goes further than the largest sample around times this."""


class PeakEnvelope:
    """The largest magnitude from each sample to the next, at four times the rate, streamed.

    Parameters
    ----------
    channels : int
        The envelope is that of the largest of them.
    """

    def __init__(self, channels: int) -> None:
        # Silence before the beginning, so that the first sample has neighbours.
        self._pending = np.zeros((channels, REACH - 1), np.float32)

    def add(self, block: Samples, threshold: float) -> Samples:
        """Add float32 samples [channels, n]; return the envelope as far as it is known [m].

        What does not go beyond `threshold` may be too low. The envelope is `REACH` samples
        late at first, and complete after `finish`.
        """
        self._pending = np.concatenate([self._pending, block], axis=1)
        count = self._pending.shape[1] - (2 * REACH - 1)
        if count <= 0:
            return np.zeros(0, np.float32)
        magnitude = np.abs(self._pending).max(axis=0)
        envelope: Samples = magnitude[REACH - 1 : REACH - 1 + count].copy()
        for start in range(0, count, _AT_ONCE):
            stop = min(start + _AT_ONCE, count)
            around = slice(start, stop + 2 * REACH - 1)
            if float(magnitude[around].max()) * MOST_GAIN > threshold:
                for row in self._pending[:, around]:
                    _raise_between(envelope[start:stop], row)
        self._pending = self._pending[:, count:]
        return envelope

    def finish(self, threshold: float) -> Samples:
        """Return the rest of the envelope."""
        return self.add(np.zeros((len(self._pending), REACH), np.float32), threshold)


class TruePeakMeter:
    """Finds the largest true peak of samples that come in blocks.

    Attributes
    ----------
    peak : float
        Full scale 1, of what was added so far.
    """

    def __init__(self, channels: int) -> None:
        self._envelope = PeakEnvelope(channels)
        self.peak = 0.0

    def add(self, block: Samples) -> None:
        """Take float32 samples [channels, n]."""
        envelope = self._envelope.add(block, self.peak)
        self.peak = max(self.peak, float(envelope.max(initial=0.0)))

    def finish(self) -> None:
        """Measure what only silence follows."""
        self.peak = max(self.peak, float(self._envelope.finish(self.peak).max(initial=0.0)))


def _raise_between(envelope: Samples, row: Samples) -> None:
    """Lift the envelope, in place, to what lies between the samples of one channel."""
    for weights in _FILTERS:
        # In two halves: NumPy is several times faster with so few weights than with all of them.
        between = np.correlate(row[:-REACH], weights[:REACH])
        between += np.correlate(row[REACH:], weights[REACH:])
        np.maximum(envelope, np.abs(between, out=between), out=envelope)
