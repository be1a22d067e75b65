"""How much of a clip is one of its recordings, over the clip's time.

A score keeps a mash-up's weights as a few points, evenly spaced from the clip's first to its last
sample, linear between them; one point holds for the whole clip, and none means all of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST_POINTS = 16
_DECIMALS = 3
_PLACES = np.linspace(0.0, 1.0, MOST_POINTS)


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
    points = np.round(np.interp(_PLACES, centres, every), _DECIMALS)
    if np.ptp(points) == 0:
        points = points[:1]
    return tuple(points.tolist())


def weight_at(points: Sequence[float], place: float) -> float:
    """Return the weight at a place of the clip, 0 (its first sample) to 1 (its last)."""
    if len(points) < 2:
        return float(points[0]) if len(points) else 1.0
    number, rest = _segment(points, place)
    return points[number] + (points[number + 1] - points[number]) * rest


def mean_weight(points: Sequence[float], start: float, stop: float) -> float:
    """Return the mean weight between two places of the clip, 0 to 1 each, `start` before `stop`."""
    if len(points) < 2 or stop <= start:
        return weight_at(points, start)
    area = _area_before(points, stop) - _area_before(points, start)
    return area / ((stop - start) * (len(points) - 1))


def _segment(points: Sequence[float], place: float) -> tuple[int, float]:
    """Return the point before a place, and how far towards the next one it is, 0 to 1."""
    along = min(1.0, max(0.0, place)) * (len(points) - 1)
    number = min(int(along), len(points) - 2)
    return number, along - number


def _area_before(points: Sequence[float], place: float) -> float:
    """Integrate from the first point, which is 1 away from the second."""
    number, rest = _segment(points, place)
    whole = sum(points[: number + 1]) - (points[0] + points[number]) / 2
    step = points[number + 1] - points[number]
    return whole + rest * (points[number] + step * rest / 2)
