"""How much of a clip is one of its recordings, over the clip's time.

A score keeps a mash-up's weights as a few points, evenly spaced from the clip's first to its last
sample, linear between them; one point holds for the whole clip, and none means all of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST_POINTS = 16
_DECIMALS = 3
_FILLS = 0.01
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


def percentages(shares: Sequence[float], decimals: int = 0) -> tuple[float, ...]:
    """Round the shares of a clip's recordings so that what is shown of them sums to 100.

    Each is rounded down, and those with the largest rests up, until the sum is right. Shares that
    do not fill the clip, such as those of the recordings that a model went on from, are rounded
    one by one.

    Parameters
    ----------
    shares : sequence of float
        0 to 1 each.
    decimals : int
        Of a percent.

    Examples
    --------
    >>> percentages([0.505, 0.495]), percentages([0.333, 0.333, 0.333])
    ((51.0, 49.0), (34.0, 33.0, 33.0))
    >>> percentages([1.0, 1.0])
    (100.0, 100.0)
    """
    unit = 10**decimals
    total = sum(shares)
    if abs(total - 1) > _FILLS:
        return tuple(round(share * 100, decimals) for share in shares)
    exact = [share / total * 100 * unit for share in shares]
    whole = [int(value) for value in exact]
    # Of equal rests the larger share's: 0.5 % beside 99.5 % is nothing, and not nearly all.
    by_rest = sorted(range(len(exact)), key=lambda n: (whole[n] - exact[n], -exact[n]))
    for number in by_rest[: 100 * unit - sum(whole)]:
        whole[number] += 1
    return tuple(value / unit for value in whole)


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
