"""Mash-ups: two encodings or more, and how much of each there is at each frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.draws import Draws
from nsynth_batch.settings.choices import Length
from nsynth_batch.settings.mash_rule import MashRule, Weights

Array = npt.NDArray[np.float32]

_SHORTEST_FRAMES = 8
_LONGEST_DWELL_FRAMES = 48
_LONGEST_FADE_FRAMES = 32


@dataclass(frozen=True)
class Mixture:
    """A mash-up.

    Attributes
    ----------
    encoding : float32 [frames, width]
    weights : float32 [parents, frames]
        The share of each parent, in [0, 1]; those of a frame sum to 1.
    stretch : tuple of float
        How much longer each parent was made first; 1 is not at all.
    """

    encoding: Array
    weights: Array
    stretch: tuple[float, ...]


def mixture(encodings: Sequence[Array], rule: MashRule, seed: int, number: int) -> Mixture:
    """Mash up encodings.

    Parameters
    ----------
    encodings : sequence of float32 [n_i, width]
        Of the parents, of a frame each at least.
    rule : MashRule
        What becomes of them.
    seed, number : int
        Key the draws of the curve ``random``; the number is the point of a square, row by row.

    Raises
    ------
    ValueError
        If a stretch leaves no frame of a parent.
    """
    factors = rule.stretch or (1.0,) * len(encodings)
    parts = [stretched(each, factor) for each, factor in zip(encodings, factors, strict=True)]
    frames = frames_of([len(part) for part in parts], rule.length)
    weights = shares(rule, len(parts), frames, seed, number)
    return Mixture(weighted(parts, weights), weights, factors)


def frames_of(lengths: Sequence[int], length: Length) -> int:
    """Return the frames of a mash-up of encodings of so many, by the shortest or the longest."""
    return max(lengths) if length == "longer" else min(lengths)


def stretched(encoding: Array, factor: float) -> Array:
    """Return an encoding resampled in time to so many times its length; its pitch stays.

    Parameters
    ----------
    encoding : float32 [n, width]
    factor : float
        Above 0. At 1 the encoding is returned as it is.

    Returns
    -------
    float32 [round(n · factor), width]
        Linear between the middles of frames.

    Raises
    ------
    ValueError
        If no frame is left.
    """
    if factor == 1:
        return encoding
    count = round(len(encoding) * factor)
    if not count:
        raise ValueError(f"a stretch of {factor:g} leaves nothing of {len(encoding)} frames")
    places = np.clip((np.arange(count) + 0.5) / factor - 0.5, 0, len(encoding) - 1)
    before = np.floor(places).astype(np.int64)
    after = np.minimum(before + 1, len(encoding) - 1)
    rest = (places - before)[:, None]
    return np.asarray((1 - rest) * encoding[before] + rest * encoding[after], np.float32)


def repeated(encoding: Array, frames: int) -> Array:
    """Return an encoding cut to so many frames, or repeated from its beginning until there are.

    Its last frame is not held: of sounds that end by themselves that is silence.

    Parameters
    ----------
    encoding : float32 [n, width]
        Of a frame at least.
    frames : int

    Returns
    -------
    float32 [frames, width]

    Examples
    --------
    >>> repeated(np.float32([[1], [2], [3]]), 5).ravel().tolist()
    [1.0, 2.0, 3.0, 1.0, 2.0]
    """
    return encoding[np.arange(frames) % len(encoding)]


def weighted(encodings: Sequence[Array], weights: Array) -> Array:
    """Return the weighted sum of encodings, as long as the weights: what is shorter repeats.

    Parameters
    ----------
    encodings : sequence of float32 [n_i, width]
    weights : float32 [parents, frames]

    Returns
    -------
    float32 [frames, width]
    """
    total: Array | None = None
    for encoding, share in zip(encodings, weights, strict=True):
        part = share[:, None] * repeated(encoding, len(share))
        total = part if total is None else total + part
    return np.asarray(total, np.float32)


def shares(rule: MashRule, parents: int, frames: int, seed: int, number: int) -> Array:
    """Return the share of each parent at each frame of a mash-up.

    Parameters
    ----------
    rule : MashRule
        Its curve: ``cosine`` is magenta's ½(1 - cos(πn/L)) from each parent to the next,
        ``linear`` straight lines, ``random`` fades from one to another at random intervals (see
        `random_fade`), ``blend`` holds weights, or moves them along a straight line.
    parents : int
        How many, one at least.
    frames : int
        Length of the mash-up.
    seed, number : int
        Key the draws of ``random``; the number is the point of a square, and of the next one after
        its last.

    Returns
    -------
    float32 [parents, frames], in [0, 1]
        Those of a frame sum to 1.
    """
    steps = np.arange(frames, dtype=np.float64)
    if parents == 1:
        return np.ones((1, frames), np.float32)
    if rule.grid is not None:
        points = grid_weights(rule.grid)
        return _blended(points[number % len(points)], parents, steps)
    if rule.curve == "blend":
        return _blended(rule.weights, parents, steps / max(frames - 1, 1))
    if rule.curve == "random":
        return random_fade(frames, Draws(seed, f"curve {number}"), parents)
    cosine = rule.curve == "cosine"
    along = (parents - 1) * (steps / frames if cosine else steps / max(frames - 1, 1))
    leg = np.minimum(along.astype(np.int64), parents - 2)
    risen = _raised_cosine(along - leg) if cosine else (along - leg).astype(np.float32)
    return _two_at_once(parents, leg, leg + 1, risen)


def random_fade(frames: int, draws: Draws, parents: int = 2) -> Array:
    """Dwell on one recording for a drawn time, fade over to another, dwell there, and so on.

    Dwell times are uniform between 8 and 48 frames (0.26 s and 1.5 s at the published hop),
    fades raised cosines of 8 to 32 frames (1 s). Both are at most a third of the mash-up, so
    that every mash-up of three frames and more holds one whole fade. Which recording begins, and
    which of several others is next, is drawn too.

    Parameters
    ----------
    frames : int
        Length of the mash-up.
    draws : Draws
        Where chance comes from.
    parents : int
        How many recordings, two at least.

    Returns
    -------
    float32 [parents, frames], in [0, 1]
    """
    third = max(frames // 3, 1)
    longest = np.minimum([_LONGEST_DWELL_FRAMES, _LONGEST_FADE_FRAMES], third)
    shortest = np.minimum(_SHORTEST_FRAMES, longest)
    risen = np.zeros(frames, np.float32)
    here, there = np.empty((2, frames), np.int64)
    begin, *_ = draws.uniform(0, 1)
    level = parents - 1 - int(begin * parents)
    # Of two the other one is next, and nothing is drawn for that.
    drawn_a_turn = 2 if parents == 2 else 3
    position, used = 0, 1
    while position < frames:
        drawn = draws.uniform(used, drawn_a_turn).astype(np.float64)
        used += drawn_a_turn
        dwell, fade = (shortest + drawn[:2] * (longest - shortest + 1)).astype(int)
        others = [parent for parent in range(parents) if parent != level]
        following = others[0] if parents == 2 else others[int(drawn[2] * len(others))]
        # The fade takes its values between the levels: its ends belong to the dwells.
        rise = _raised_cosine(np.arange(1, fade + 1) / (fade + 1))
        passage = np.concatenate([np.zeros(dwell, np.float32), rise])
        stop = min(frames, position + len(passage))
        risen[position:stop] = passage[: stop - position]
        here[position:stop], there[position:stop] = level, following
        position, level = stop, following
    return _two_at_once(parents, here, there, risen)


def _two_at_once(
    parents: int, here: npt.NDArray[np.int64], there: npt.NDArray[np.int64], risen: Array
) -> Array:
    """Return shares [parents, frames] of which two at most are above 0: `risen` is that of `there`.

    The share of the later parent is rounded first, and the earlier one's is what is left.
    """
    later = np.where(there > here, risen, 1 - risen)
    weights = np.zeros((parents, len(risen)), np.float32)
    frame = np.arange(len(risen))
    weights[np.maximum(here, there), frame] = later
    weights[np.minimum(here, there), frame] = 1 - later
    return weights


def _blended(weights: Weights | None, parents: int, along: npt.NDArray[np.float64]) -> Array:
    equal = (1 / parents,) * parents
    start, stop = (weights.start, weights.stop) if weights else (equal, equal)
    first, last = (np.array(ends, np.float64)[:, None] for ends in (start, stop))
    # Both ends are met to the bit.
    blended: Array = ((1 - along) * first + along * last).astype(np.float32)
    if start[0] or stop[0]:
        # Of the first there is what the others leave; where there is none of it, no rounding is.
        blended[0] = np.clip(1 - blended[1:].sum(axis=0), 0, 1)
    return blended


def grid_weights(size: int) -> list[Weights]:
    """Return the weights of four parents on a square whose corners they are, row by row.

    A is top left, B top right, C bottom left and D bottom right; between them the weights are
    bilinear. NSynth Super plays a square of 9 by 9.

    Parameters
    ----------
    size : int
        Points a side, two at least.
    """
    found = []
    for row in range(size):
        for column in range(size):
            down, right = row / (size - 1), column / (size - 1)
            top, bottom = 1 - down, down
            corners = top * (1 - right), top * right, bottom * (1 - right), bottom * right
            found.append(Weights(corners, corners))
    return found


def _raised_cosine(phase: npt.NDArray[np.float64]) -> Array:
    return (0.5 * (1 - np.cos(np.pi * phase))).astype(np.float32)
