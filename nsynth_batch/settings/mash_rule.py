"""How encodings are mashed up: the curve, the weights, the lengths and how each is stretched."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import get_args

from hdfs_jobs.errors import UsageError
from nsynth_batch.settings.choices import Curve, Length

MOST_PARENTS = 4
"""The most recordings of a mash-up."""

MOST_GRID = 33
"""The most points a side of a square."""

LEAST_STRETCH, MOST_STRETCH = 0.5, 2.0

_SUM_TOLERANCE = 0.01
"""Thirds and the like, written to two decimals, count as one."""


@dataclass(frozen=True)
class Weights:
    """The share of each parent when a mash-up begins and when it ends; between, a straight line.

    Attributes
    ----------
    start, stop : tuple of float
        One a parent, in [0, 1], summing to 1.
    """

    start: tuple[float, ...]
    stop: tuple[float, ...]

    def to_json(self) -> list[list[float]]:
        """Return them as a setting stores them."""
        return [list(self.start), list(self.stop)]


@dataclass(frozen=True)
class MashRule:
    """How the encodings of some recordings become one.

    Attributes
    ----------
    curve
        How one fades into the next.
    length
        Which of them the mash-up is as long as; of ``longer`` the shorter ones repeat.
    weights
        Of the curve ``blend``; None shares equally.
    stretch
        How much longer each is made first, one number a parent; empty where none is.
    grid
        Points a side of a square with four parents at its corners, whose weights go before
        `weights`; None is no square.

    Raises
    ------
    ValueError
        If there is no such curve or length.
    """

    curve: Curve = "random"
    length: Length = "shorter"
    weights: Weights | None = None
    stretch: tuple[float, ...] = ()
    grid: int | None = None

    def __post_init__(self) -> None:
        for name, given, known in (
            ("curve", self.curve, get_args(Curve)),
            ("length", self.length, get_args(Length)),
        ):
            if given not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {given!r}")

    @property
    def mashups_a_draw(self) -> int:
        """How many mash-ups the same parents have: a square's points, else one."""
        return 1 if self.grid is None else self.grid**2


def parse_weights(text: str) -> Weights:
    """Return the weights of a text.

    Parameters
    ----------
    text : str
        ``0.5``, the share of B of two; ``0.5,0.3,0.2``, one weight a parent; two of either joined
        by a colon move from the one to the other.

    Raises
    ------
    ValueError
        If it is no such text: what is wrong, and what is wanted.

    Examples
    --------
    >>> parse_weights("0.25:1").to_json()
    [[0.75, 0.25], [0.0, 1.0]]
    """
    parts = [_shares(part) for part in text.split(":")]
    if len(parts) > 2:
        raise ValueError("give weights, or two of them joined by one colon: 0.2:0.8")
    start, stop = parts[0], parts[-1]
    if len(start) != len(stop):
        raise ValueError(f"{len(start)} weights cannot move to {len(stop)}: give as many")
    return Weights(start, stop)


def _shares(text: str) -> tuple[float, ...]:
    try:
        shares = [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(
            "weights are numbers from 0 to 1: 0.5, 0.2:0.8, or one a recording: 0.5,0.3,0.2"
        ) from None
    if not all(0 <= share <= 1 for share in shares):
        raise ValueError("each weight is to be from 0 to 1")
    if len(shares) == 1:
        return 1 - shares[0], shares[0]
    if len(shares) > MOST_PARENTS:
        raise ValueError(f"a mash-up has at most {MOST_PARENTS} recordings")
    total = math.fsum(shares)
    if abs(total - 1) > _SUM_TOLERANCE + 1e-9:
        advice = ",".join(f"{share / total:.3g}" for share in shares) if total else ""
        meant = f"; {advice} are in the same proportion" if advice else ""
        raise ValueError(f"the weights of all recordings sum to 1, and these to {total:g}{meant}")
    return tuple(share / total for share in shares)


def parse_stretch(text: str) -> tuple[float, ...]:
    """Return the factors of a text: ``1.5`` of every parent, or ``1,0.5``, one each.

    Raises
    ------
    ValueError
        If it is no such text, or a factor is out of range.
    """
    try:
        factors = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError("a factor, as in 1.5, or one a recording: 1,0.5") from None
    if not all(LEAST_STRETCH <= factor <= MOST_STRETCH for factor in factors):
        raise ValueError(f"each factor is to be from {LEAST_STRETCH:g} to {MOST_STRETCH:g}")
    return factors


def mash_rule(
    parents: int, curve: Curve, length: Length, weights: str | None, stretch: str | None
) -> MashRule:
    """Return the rule of some settings for so many parents.

    Raises
    ------
    UsageError
        If weights or factors are not one a parent, or weights are of another curve than blend.
    """
    shares = None if weights is None else parse_weights(weights)
    if shares is not None and curve != "blend":
        raise UsageError(f"--weights is of --curve blend, and --curve is {curve}")
    if shares is not None and len(shares.start) != parents:
        raise UsageError(
            f"--weights {weights} is of {len(shares.start)} recordings and a mash-up is of "
            f"{parents}: give one weight a recording"
        )
    factors = () if stretch is None else parse_stretch(stretch)
    if len(factors) == 1:
        factors *= parents
    if factors and len(factors) != parents:
        raise UsageError(
            f"--stretch {stretch} is of {len(factors)} recordings and a mash-up is of {parents}: "
            "give one factor, or one a recording"
        )
    if all(factor == 1 for factor in factors):
        factors = ()
    return MashRule(curve, length, shares, factors)


def square_rule(rule: MashRule, parents: int, pairs: int, grid: int) -> MashRule:
    """Return the rule of a store's squares: bilinear weights, held from beginning to end.

    Parameters
    ----------
    rule : MashRule
        Its length and stretch.
    parents, pairs : int
        Of each mash-up, and how many mash-ups there are to be.
    grid : int
        Points a side.

    Raises
    ------
    UsageError
        If there are not four parents, weights are given, or the last square would be cut.
    """
    if parents != MOST_PARENTS:
        raise UsageError(f"--grid makes squares of four recordings: give --parents {MOST_PARENTS}")
    if rule.weights is not None:
        raise UsageError("--grid has weights of its own: leave --weights out")
    points = grid**2
    if pairs % points:
        more = -(-pairs // points)
        raise UsageError(
            f"--pairs {pairs} cuts a square of {grid} by {grid} points: give {points} a square, "
            f"as {points * more} for {more}"
        )
    return replace(rule, curve="blend", grid=grid)
