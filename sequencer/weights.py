"""How much of a clip is one of its recordings, over the clip's time.

A score keeps a mash-up's weights as a few points, evenly spaced from the clip's first to its last
sample, linear between them; one point holds for the whole clip, and none means all of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

MOST_POINTS = 16
_DECIMALS = 3


def thinned(frames: Sequence[float]) -> tuple[float, ...]:
    """Reduce the weight in each frame of a clip to at most `MOST_POINTS` points.

    Parameters
    ----------
    frames : sequence of float
        One weight a frame of equal length, 0 to 1.

    Returns
    -------
    tuple of float
        To three decimals; as long as one point where the weight never changes.
    """
    if not len(frames):
        return ()
    every = np.asarray(frames, np.float64)
    centres = (np.arange(len(every)) + 0.5) / len(every)
    points = np.round(np.interp(_places(MOST_POINTS), centres, every), _DECIMALS)
    if np.ptp(points) == 0:
        points = points[:1]
    return tuple(points.tolist())


def weight_at(points: Sequence[float], place: float) -> float:
    """Give the weight at a place of the clip, 0 (its first sample) to 1 (its last)."""
    return float(np.interp(place, _places(len(points)), points)) if len(points) else 1.0


def mean_weight(points: Sequence[float], start: float, stop: float) -> float:
    """Give the mean weight between two places of the clip, 0 to 1 each, `start` before `stop`."""
    if len(points) < 2:
        return float(points[0]) if len(points) else 1.0
    if stop <= start:
        return weight_at(points, start)
    places = _places(len(points))
    inside = places[(places > start) & (places < stop)]
    x = np.concatenate([[start], inside, [stop]])
    y = np.interp(x, places, points)
    return float(np.sum((y[1:] + y[:-1]) / 2 * np.diff(x)) / (stop - start))


def _places(count: int) -> npt.NDArray[np.float64]:
    return np.linspace(0.0, 1.0, count) if count > 1 else np.zeros(count)
