"""Fingerprints of clips, and which clips sound nearly the same.

A fingerprint is two pictures in half decibels against the clip's mean level, so gain makes no
difference: the spectrum of the whole clip in narrow bands, which does not know when things happen,
and the course of a few wide bands, which is compared at several shifts. What lies far below the
mean level, where other encodings put their noise, is cut off.

Two clips are near-duplicates when both pictures agree and their lengths do. To compare thousands,
spectra and coarse courses go through one matrix product a block; the nearest are looked at closely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SPECTRUM_DB = 3.0
"""Spectra of near-duplicates differ by no more than this, root mean square over the bands …"""
COURSE_DB = 1.65
"""… their courses by no more than this, mean of the magnitudes, where either sounds, at the best
shift …"""
LENGTH_SECONDS = 0.5
"""… and their lengths by no more than this."""
MOST_SHIFT_SECONDS = 0.26

_STEPS_PER_DB = 2.0
_FLOOR_DB = -20.0
_CEILING_DB = 30.0
_LOWEST, _HIGHEST = 60.0, 7600.0
_NARROW, _WIDE = 96, 10
_COURSE_SECONDS = 12.0
_SEGMENTS = 8
_BLOCK = 512
_MOST_VERIFIED = 16
_GLANCE = 3

Picture = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Fingerprint:
    """What a clip sounds like, in two to four kilobytes.

    Attributes
    ----------
    spectrum : ndarray, int8 [bands]
        Half decibels against the mean of the bands.
    course : ndarray, int8 [frames, wide bands]
        Of the clip's first twelve seconds, half decibels against its mean level.
    frame_seconds : float
        From one frame to the next.
    seconds : float
        Length of the clip.
    """

    spectrum: Picture
    course: Picture
    frame_seconds: float
    seconds: float


@dataclass(frozen=True)
class Likeness:
    """How near two clips are: which other one, by how many dB they differ, at which shift."""

    other: int
    spectrum_db: float
    course_db: float
    shift_seconds: float

    def reason(self, name: str) -> str:
        """Return the likeness on one line; `name` is the other clip's."""
        shift = f", shifted by {self.shift_seconds * 1000:.0f} ms" if self.shift_seconds else ""
        return (
            f"sounds like {name!r}: spectra differ by {self.spectrum_db:.1f} dB, "
            f"courses by {self.course_db:.1f} dB{shift}"
        )


class Printer:
    """Takes a fingerprint of power spectra that come in blocks.

    Parameters
    ----------
    frequencies : ndarray, float64 [bins]
        Of the bins, in Hz.
    frame_seconds : float
        From one frame to the next.
    """

    def __init__(self, frequencies: npt.NDArray[np.float64], frame_seconds: float) -> None:
        self._narrow = _edges(frequencies, _NARROW)
        self._wide = _edges(frequencies, _WIDE)
        self._frame_seconds = frame_seconds
        self._most = round(_COURSE_SECONDS / frame_seconds)
        self._rows: list[npt.NDArray[np.float32]] = []
        self._frames = 0

    def add(self, power: npt.NDArray[np.float64]) -> None:
        """Take the power in each bin, float64 [frames, bins]."""
        if self._frames < self._most:
            rows = _banded(power[: self._most - self._frames], self._wide)
            self._rows.append(rows.astype(np.float32))
        self._frames += len(power)

    def fingerprint(self, spectrum: npt.NDArray[np.float64], seconds: float) -> Fingerprint:
        """Return the fingerprint of a clip of this length, with its whole power in each bin."""
        course = np.concatenate(self._rows) if self._rows else np.zeros((0, _WIDE), np.float32)
        # Half a frame of misalignment makes less of a difference to three frames together.
        smooth = course.copy()
        smooth[1:] += course[:-1]
        smooth[:-1] += course[1:]
        return Fingerprint(
            _picture(_banded(spectrum[None], self._narrow), self._narrow)[0],
            _picture(smooth.astype(np.float64), self._wide),
            self._frame_seconds,
            seconds,
        )


def near_duplicates(
    prints: Sequence[Fingerprint], keep: Sequence[bool] | None = None
) -> dict[int, Likeness]:
    """Find the clips that sound nearly like one that comes before them.

    Parameters
    ----------
    prints : sequence of Fingerprint
        In order; of clips that are alike the first one stays.
    keep : sequence of bool, optional
        Clips that stay whatever they sound like; others that are like them do not.

    Returns
    -------
    dict of int to Likeness
        By the places of those that do not stay.
    """
    kept_anyway = list(keep) if keep is not None else [False] * len(prints)
    order = sorted(range(len(prints)), key=lambda place: (not kept_anyway[place], place))
    if not order:
        return {}
    glimpses = np.stack([coarse(prints[place]) for place in order])
    squares = np.sum(glimpses * glimpses, axis=1)
    limit = glimpses.shape[1] * (max(SPECTRUM_DB, COURSE_DB) * _STEPS_PER_DB) ** 2
    stays = np.zeros(len(order), np.bool_)
    found: dict[int, Likeness] = {}
    for start in range(0, len(order), _BLOCK):
        block = slice(start, min(start + _BLOCK, len(order)))
        before = np.flatnonzero(stays[:start])
        near = np.concatenate([before, np.arange(block.start, block.stop)])
        # The product's last bits depend on the machine: a little more than the limit is looked at.
        product = glimpses[block] @ glimpses[near].T
        away = squares[block, None] + squares[near] - 2 * product
        rows, columns = np.nonzero(away <= limit * 1.02 + 1.0)
        begins = np.searchsorted(rows, np.arange(len(away) + 1))
        for row, place in enumerate(order[block]):
            mine = columns[begins[row] : begins[row + 1]]
            mine = mine[(near[mine] < start + row) & stays[near[mine]]]
            nearest = near[mine[np.argsort(away[row, mine], kind="stable")]]
            there = [order[at] for at in nearest[:_MOST_VERIFIED]]
            like = None if kept_anyway[place] else _first_like(prints, place, there)
            stays[start + row] = like is None
            if like is not None:
                found[place] = like
    return found


def _first_like(
    prints: Sequence[Fingerprint], place: int, others: Sequence[int]
) -> Likeness | None:
    """Compare a clip with the nearest of others, at a glance and then closely."""
    one = prints[place]
    near = [at for at in others if abs(prints[at].seconds - one.seconds) <= LENGTH_SECONDS]
    length = min((len(prints[at].course) for at in [*near, place]), default=0)
    if not near or not length:
        return None
    mine = _with_halves(one.course[:length])
    theirs = 2 * np.stack([prints[at].course[:length] for at in near]).astype(np.int16)
    glances = np.full(len(near), np.inf)
    enough = 1.5 * COURSE_DB
    for shift in _shifts(one, length):
        if glances[0] <= enough:
            break
        first, start = _shifted(mine, shift)
        second = theirs[:, start : start + len(first)]
        apart = _apart(first[: second.shape[1]][::_GLANCE], second[:, ::_GLANCE])
        glances = np.minimum(glances, apart)
    for at, glance in zip(near, glances, strict=True):
        like = None
        if glance <= enough:
            like = likeness(one, prints[at], at)
        if like is not None:
            return like
    return None


def likeness(one: Fingerprint, other: Fingerprint, place: int = 0) -> Likeness | None:
    """Compare two fingerprints; None where the clips are not near-duplicates."""
    if abs(one.seconds - other.seconds) > LENGTH_SECONDS:
        return None
    difference = one.spectrum.astype(np.float64) - other.spectrum
    spectrum_db = float(np.sqrt(np.mean(difference**2))) / _STEPS_PER_DB
    if spectrum_db > SPECTRUM_DB:
        return None
    length = min(len(one.course), len(other.course))
    mine, theirs = _with_halves(one.course[:length]), 2 * other.course[:length].astype(np.int16)
    best: tuple[float, int] | None = None
    for shift in _shifts(one, length):
        first, start = _shifted(mine, shift)
        second = theirs[start : start + len(first)]
        mean = float(_apart(first[: len(second)], second[None])[0])
        if best is None or mean < best[0]:
            best = mean, shift
    if best is None or best[0] > COURSE_DB:
        return None
    return Likeness(place, spectrum_db, best[0], abs(best[1]) * one.frame_seconds / 2)


def _with_halves(course: Picture) -> npt.NDArray[np.int16]:
    """Return twice the course, with the means of neighbours between them."""
    twice = 2 * course.astype(np.int16)
    halves = np.empty((max(0, 2 * len(course) - 1), course.shape[1]), np.int16)
    halves[::2] = twice
    halves[1::2] = (twice[1:] + twice[:-1]) // 2
    return halves


def _apart(first: npt.NDArray[np.int16], second: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    """Return the mean distance in dB [n] of a course from others [n, frames, bands], all doubled.

    Of what is silent in both nothing is counted, or a sound in few bands would be like any other.
    """
    floor = round(2 * _STEPS_PER_DB * _FLOOR_DB)
    sounds = np.count_nonzero((first > floor) | (second > floor), axis=(1, 2))
    apart = np.abs(first - second).sum(axis=(1, 2), dtype=np.int64)
    mean: npt.NDArray[np.float64] = apart / np.maximum(1, sounds) / (2 * _STEPS_PER_DB)
    return mean


def _shifted(halves: npt.NDArray[np.int16], shift: int) -> tuple[npt.NDArray[np.int16], int]:
    """Return every other row from a shift in half frames on, and the other course's first row."""
    start = max(0, (1 - shift) // 2)
    return halves[2 * start + shift :: 2], start


def _shifts(one: Fingerprint, length: int) -> list[int]:
    """List the shifts in half frames at which to compare courses of a length, nearest first."""
    most = min(round(MOST_SHIFT_SECONDS / one.frame_seconds), (length - 1) // 2)
    return sorted(range(-2 * most, 2 * most + 1), key=abs) if length else []


def coarse(one: Fingerprint) -> npt.NDArray[np.float32]:
    """Return the spectrum and the course in a few segments as one row, float32 [n]."""
    begins = np.linspace(0, len(one.course), _SEGMENTS + 1).astype(np.int64)
    course = np.concatenate([np.zeros((1, one.course.shape[1])), np.cumsum(one.course, axis=0)])
    lengths = np.maximum(1, np.diff(begins))[:, None]
    segments = (course[begins[1:]] - course[begins[:-1]]) / lengths
    return np.concatenate([one.spectrum, segments.ravel()]).astype(np.float32)


def _edges(frequencies: npt.NDArray[np.float64], bands: int) -> npt.NDArray[np.int64]:
    """Return the bins where bands of like width in octaves begin, and where the last one ends."""
    highest = min(_HIGHEST, float(frequencies[-1]))
    wanted = np.geomspace(min(_LOWEST, highest / 4), highest, bands + 1)
    return np.unique(np.searchsorted(frequencies, wanted))


def _banded(
    power: npt.NDArray[np.float64], edges: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    sums: npt.NDArray[np.float64] = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)
    return sums


def _picture(sums: npt.NDArray[np.float64], edges: npt.NDArray[np.int64]) -> Picture:
    """Turn powers [frames, bands] into half decibels against their mean."""
    density = sums / np.diff(edges)
    mean = float(density.mean()) if density.size else 0.0
    if mean <= 0:
        return np.zeros(density.shape, np.int8)
    level = 10 * np.log10(np.maximum(density / mean, 1e-12))
    picture: Picture = np.round(np.clip(level, _FLOOR_DB, _CEILING_DB) * _STEPS_PER_DB).astype(
        np.int8
    )
    return picture
