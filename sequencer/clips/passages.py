"""Passages of recordings, and how much of a sound is a copy of them.

A network that has learned recordings by heart plays them back: their samples drawn anew with a
little noise, but the same events at the same moments. A passage is a second and a half of the
levels of 24 bands. Two are the same where each band moves as the other's does, and their means are
near each other; what hardly moves, as a held note, is a copy of nothing, for any other moment of it
would do as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sequencer.clips.course import band_levels

PASSAGE_SECONDS = 1.536
"""Shorter copies are not found."""
COPY_LIKENESS = 0.8
"""Likeness of the movement of all bands in a passage and in its copy, 1 the same …"""
COPY_DB = 6.0
"""… whose means differ by no more than this, root mean square over the bands."""
MOST_SECONDS = 36_000.0
"""Of recordings that are compared with."""

_STEP_SECONDS = 0.064
_STEPS = 24
_APART = 15
_FLOOR_DB = 40.0
_LEAST_SPREAD_DB = 1.0
_CHUNK = 4096

Rows = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Copied:
    """How much of a sound is in recordings.

    Attributes
    ----------
    share : float
        Of its length, 0 to 1.
    source : int
        Number of the recording that most of it is in; -1 for none.
    at : float
        Where the first such passage begins there, in seconds.
    since : float
        Where it begins in the sound.
    """

    share: float
    source: int = -1
    at: float = 0.0
    since: float = 0.0


@dataclass(frozen=True)
class _Chunk:
    """Some recordings one after the other, and of each passage of them what all sounds need.

    Attributes
    ----------
    levels
        float32 [frames, bands].
    sources, places
        Recording and frame in it that each passage begins at, int64 [passages].
    means
        Of its bands, float32 [passages, bands].
    moves
        How much it moves, float32 [passages]; infinite where it ends in another recording or
        hardly moves, so that nothing is like it.
    """

    levels: Rows
    sources: Whole
    places: Whole
    means: Rows
    moves: Rows

    @classmethod
    def of(cls, recordings: Sequence[tuple[int, Rows]]) -> _Chunk:
        """Make a chunk of recordings, each with its number."""
        levels = np.concatenate([rows for _, rows in recordings])
        sources = np.concatenate([np.full(len(rows), number) for number, rows in recordings])
        places = np.concatenate([np.arange(len(rows)) for _, rows in recordings])
        passages = _passages(levels)
        moves = passages.var(axis=2).sum(axis=1) * _STEPS
        # A passage is whole where its last frame is so many after its first, of one recording.
        whole = places[_STEPS - 1 :] == places[: len(passages)] + _STEPS - 1
        whole &= sources[_STEPS - 1 :] == sources[: len(passages)]
        moves = np.where(whole & (moves >= _least_moves(levels.shape[1])), moves, np.inf)
        means = passages.mean(axis=2)
        return cls(levels, sources[: len(means)], places[: len(means)], means, moves)


class Passages:
    """Recordings that sounds are compared with.

    Parameters
    ----------
    sample_rate : int
        Of recordings and sounds, in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._chunks: list[_Chunk] = []
        self._waiting: list[tuple[int, Rows]] = []
        self.seconds = 0.0

    @property
    def full(self) -> bool:
        """Whether so many seconds were added that no more are looked at."""
        return self.seconds >= MOST_SECONDS

    def add(self, source: int, samples: npt.NDArray[np.float32]) -> None:
        """Add a recording, or a piece of one, float32 [n], under its number."""
        self.seconds += len(samples) / self._rate
        levels = self._levels(samples, _STEP_SECONDS)
        if len(levels) >= _STEPS:
            self._waiting.append((source, levels))
        if sum(len(rows) for _, rows in self._waiting) >= _CHUNK:
            self._pack()

    def find(self, samples: npt.NDArray[np.float32]) -> Copied:
        """Return how much of a sound float32 [n] is a copy of what was added."""
        self._pack()
        # Half a step of misalignment is the most that is left between two frames.
        fine = self._levels(samples, _STEP_SECONDS / 2)
        span = 2 * _STEPS - 1
        if len(fine) < span or not self._chunks:
            return Copied(0.0)
        starts = np.unique([*range(0, len(fine) - span, _APART), len(fine) - span])
        windows = np.stack([fine[start : start + span : 2] for start in starts])
        best, sources, places = _nearest(windows, self._chunks)
        same = best >= COPY_LIKENESS
        if not same.any():
            return Copied(0.0)
        covered = np.zeros(len(fine), np.bool_)
        for start in starts[same]:
            covered[start : start + span] = True
        numbers, counts = np.unique(sources[same], return_counts=True)
        most = int(numbers[np.argmax(counts)])
        first = int(np.flatnonzero(same & (sources == most))[0])
        return Copied(
            float(covered.mean()),
            most,
            int(places[first]) * _STEP_SECONDS,
            int(starts[first]) * _STEP_SECONDS / 2,
        )

    def _levels(self, samples: npt.NDArray[np.float32], step: float) -> Rows:
        return band_levels(samples, self._rate, step, _FLOOR_DB).astype(np.float32)

    def _pack(self) -> None:
        if self._waiting:
            self._chunks.append(_Chunk.of(self._waiting))
            self._waiting = []


def _nearest(windows: Rows, chunks: Sequence[_Chunk]) -> tuple[Rows, Whole, Whole]:
    """Return the best likeness of each window, and recording and frame of what it is like."""
    best = np.full(len(windows), -np.inf, np.float32)
    sources, places = (np.full(len(windows), -1, np.int64) for _ in range(2))
    for chunk in chunks:
        like = _likeness(windows, chunk)
        at = like.argmax(axis=1)
        value = like[np.arange(len(at)), at]
        better = value > best
        best[better] = value[better]
        sources[better], places[better] = chunk.sources[at][better], chunk.places[at][better]
    return best, sources, places


def _likeness(windows: Rows, chunk: _Chunk) -> Rows:
    """Return how like windows [n, steps, bands] are to each passage, float32 [n, passages]."""
    means = windows.mean(axis=1)
    moves = windows - means[:, None]
    own = (moves**2).sum(axis=(1, 2))
    bands, flat = windows.shape[2], moves.transpose(0, 2, 1).reshape(len(windows), -1)
    parts = []
    # A window's moves have no mean, so the passages need not lose theirs.
    for first in range(0, len(chunk.means), _CHUNK):
        levels = chunk.levels[first : first + _CHUNK + _STEPS - 1]
        parts.append(flat @ _passages(levels).reshape(-1, flat.shape[1]).T)
    like = 2 * np.concatenate(parts, axis=1) / (own[:, None] + chunk.moves)
    apart = (means**2).sum(axis=1)[:, None] + (chunk.means**2).sum(axis=1)
    apart -= 2 * means @ chunk.means.T
    still = own < _least_moves(bands)
    found: Rows = np.where(still[:, None] | (apart > bands * COPY_DB**2), -1.0, like)
    return found


def _passages(levels: Rows) -> Rows:
    """Return every passage of levels, [passages, bands, steps]."""
    return np.lib.stride_tricks.sliding_window_view(levels, _STEPS, axis=0)


def _least_moves(bands: int) -> float:
    return _LEAST_SPREAD_DB**2 * _STEPS * bands
