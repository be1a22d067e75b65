"""A map of clips on which those that sound alike lie near each other.

The fingerprints' two principal axes are the first draft. Then each clip is drawn to its nearest
neighbours and pushed away from others drawn at random, as UMAP does (McInnes, Healy and Melville,
2018), so that groups which the axes lay over each other come apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sequencer.clips.fingerprint import Fingerprint, coarse

Array = npt.NDArray[np.float64]

_NEIGHBOURS = 12
_OTHERS = 6
_ROUNDS = 100
_BLOCK = 512
_LONGEST_STEP = 4.0
_DRAFT_WIDTH = 10.0


def likeness_map(prints: Sequence[Fingerprint]) -> Array:
    """Lay clips out by what they sound like.

    Parameters
    ----------
    prints : sequence of Fingerprint

    Returns
    -------
    ndarray, float64 [clips, 2]
        0 to 1 each, in the order of the clips; in the middle where there is nothing to compare.
        The same clips give the same map on one machine.
    """
    if not prints:
        return np.zeros((0, 2))
    sounds = np.stack([coarse(each) for each in prints]).astype(np.float64)
    draft = _principal(sounds - sounds.mean(axis=0))
    if len(prints) > _NEIGHBOURS + 1:
        draft = _drawn_together(draft, *_nearest(sounds.astype(np.float32)))
    return _stretched(draft)


def _principal(rows: Array) -> Array:
    """Return the coordinates on the two axes of most variance, float64 [n, 2]."""
    _, axes = np.linalg.eigh(rows.T @ rows)
    two = axes[:, -1:-3:-1]
    # Of either direction of an axis that one which does not depend on the solver.
    signs = np.sign(two[np.argmax(np.abs(two), axis=0), np.arange(2)])
    found: Array = rows @ (two * signs)
    return found


def _nearest(rows: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int64], Array]:
    """Return the nearest neighbours of each, int64 [n, k], and how strongly they draw it."""
    squares = np.sum(rows * rows, axis=1)
    near = np.empty((len(rows), _NEIGHBOURS), np.int64)
    away = np.empty(near.shape)
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        apart = squares[block, None] + squares - 2 * rows[block] @ rows.T
        mine = np.arange(len(apart))
        apart[mine, mine + start] = np.inf
        near[block] = np.argpartition(apart, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
        away[block] = np.sqrt(np.maximum(apart[mine[:, None], near[block]], 0.0))
    beyond = away - away.min(axis=1, keepdims=True)
    return near, np.exp(-beyond / np.maximum(beyond.mean(axis=1, keepdims=True), 1e-9))


def _drawn_together(draft: Array, near: npt.NDArray[np.int64], pull: Array) -> Array:
    """Move the places of a draft until neighbours are near and others are not."""
    count = len(draft)
    places = draft / max(float(np.abs(draft).max()), 1e-9) * _DRAFT_WIDTH
    chance = np.random.default_rng(0)
    # Equal sounds would never come apart.
    places = places + chance.normal(0.0, 1e-3, places.shape)
    ones, others = np.repeat(np.arange(count), near.shape[1]), near.ravel()
    weights = pull.ravel()
    for number in range(_ROUNDS):
        apart = places[ones] - places[others]
        squares = np.sum(apart * apart, axis=1)
        drawn = (weights * -2 / (1 + squares))[:, None] * apart
        step = _summed(ones, drawn, count) - _summed(others, drawn, count)
        for _ in range(_OTHERS):
            apart = places - places[chance.integers(0, count, count)]
            squares = np.sum(apart * apart, axis=1)
            step += (2 / ((0.01 + squares) * (1 + squares)))[:, None] * apart
        rate = 1 - number / _ROUNDS
        places = places + rate * np.clip(step / near.shape[1], -_LONGEST_STEP, _LONGEST_STEP)
    return places


def _summed(rows: npt.NDArray[np.int64], values: Array, count: int) -> Array:
    return np.stack([np.bincount(rows, column, count) for column in values.T], axis=1)


def _stretched(places: Array) -> Array:
    """Stretch both axes to 0 … 1; an axis of no width is in the middle."""
    least, width = places.min(axis=0), np.ptp(places, axis=0)
    found: Array = np.where(width > 0, (places - least) / np.where(width > 0, width, 1), 0.5)
    return found
