"""Which segments are mashed up: pair k of a seed, drawn over a snapshot of the pool.

A pair is of two recordings, or of three or four where that is asked for.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from hdfs_jobs.errors import UsageError
from nsynth_batch.models.draws import Draws
from sequencer.text import counted

_TRIES = 64
_COUNTS = {2: "two", 3: "three", 4: "four"}


@dataclass(frozen=True)
class PoolSegment:
    """An encoded segment that pairs are drawn from, and where its encoding stands.

    Attributes
    ----------
    file_id
        The recording it is cut from.
    segment
        Its number in the recording.
    shard, row
        Where its encoding stands in the encodings dataset.
    frames
        Length of its encoding.
    categories
        Those of its recording, and their themes.
    """

    file_id: str
    segment: int
    shard: int
    row: int
    frames: int
    categories: tuple[str, ...] = ()


Pair = tuple[PoolSegment, ...]
"""A segment of each parent, of different recordings."""


@dataclass(frozen=True)
class _Side:
    """The recordings that one place of a pair is drawn from, each with its segments."""

    recordings: Sequence[Sequence[PoolSegment]]
    position: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, pool: Sequence[PoolSegment], category: str | None) -> _Side:
        grouped: dict[str, list[PoolSegment]] = {}
        for segment in sorted(pool, key=lambda s: (s.file_id, s.segment)):
            names = {name.casefold() for name in segment.categories}
            if category is None or category.casefold() in names:
                grouped.setdefault(segment.file_id, []).append(segment)
        return cls(list(grouped.values()), {name: i for i, name in enumerate(grouped)})

    def draw(self, recording: float, segment: float, apart_from: Collection[str]) -> PoolSegment:
        """Pick by two draws in [0, 1), leaving some recordings out."""
        excluded = sorted(self.position[name] for name in apart_from if name in self.position)
        index = int(recording * (len(self.recordings) - len(excluded)))
        for left_out in excluded:
            index += index >= left_out
        segments = self.recordings[index]
        return segments[int(segment * len(segments))]

    def segments(self) -> Iterator[PoolSegment]:
        for recording in self.recordings:
            yield from recording


def draw_pairs(
    pool: Sequence[PoolSegment],
    count: int,
    seed: int,
    categories: Sequence[str] | None = None,
    parents: int = 2,
) -> Iterator[Pair]:
    """Draw pairs 0 … count - 1 of a seed.

    The recordings of a pair are drawn first and a segment of each then, so a long recording is
    drawn no more often than a short one. Pair k depends on the pool, the seed and k: asking for
    more pairs leaves those before as they are. No two segments meet twice before every two that may
    meet have met. Three or four meet again only where draws no longer find others.

    Parameters
    ----------
    pool : sequence of PoolSegment
        In any order.
    count : int
        How many pairs.
    seed : int
        Keys the draws, together with k.
    categories : sequence of str, optional
        A category or theme of each recording of a pair; upper and lower case are one.
    parents : int
        How many recordings a pair is of.

    Returns
    -------
    iterator of tuple of PoolSegment
        Of different recordings.

    Raises
    ------
    UsageError
        If there are too few different recordings to draw: at once, not at the first pair.
    """
    sides = [_Side.of(pool, category) for category in categories or (None,) * parents]
    positions = [side.position for side in sides]
    if not _can_be_drawn(positions):
        raise _too_few(positions, categories)
    return _drawn(sides, count, seed)


def _drawn(sides: Sequence[_Side], count: int, seed: int) -> Iterator[Pair]:
    current = _Round(sides)
    for k in range(count):
        draws = Draws(seed, f"pair {k}")
        pair = current.draw(draws)
        if pair is None:
            current = _Round(sides)
            pair = current.draw(draws)
            assert pair is not None
        yield pair


class _Round:
    """Pairs drawn until all segments that may meet have met once."""

    def __init__(self, sides: Sequence[_Side]) -> None:
        self._sides = sides
        self._met: set[frozenset[tuple[str, int]]] = set()
        self._left: list[Pair] | None = None

    def draw(self, draws: Draws) -> Pair | None:
        """Return a pair that has not met, or None where all have."""
        each = 2 * len(self._sides)
        *tries, last = draws.uniform(0, each * _TRIES + 1).tolist()
        if self._left is None:
            for at in range(0, len(tries), each):
                pair = self._pick(tries[at : at + each])
                if _identity(pair) not in self._met:
                    self._met.add(_identity(pair))
                    return pair
            # Nearly all have met: from here on what is left is drawn from a list of it. What
            # three or four can be is too much to list.
            self._left = self._not_met() if len(self._sides) == 2 else []
        if not self._left:
            return None
        return self._left.pop(int(last * len(self._left)))

    def _pick(self, numbers: Sequence[float]) -> Pair:
        """Return a segment of each side, by two draws each."""
        picked: list[PoolSegment] = []
        for place, side in enumerate(self._sides):
            used = {segment.file_id for segment in picked}
            later = [each.position for each in self._sides[place + 1 :]]
            # Where later sides have few recordings these must be left to them.
            few = {
                name
                for recordings in later
                if len(recordings) < len(self._sides)
                for name in recordings
            }
            reserved = {name for name in few - used if not _can_be_drawn(later, used | {name})}
            at = 2 * place
            picked.append(side.draw(numbers[at], numbers[at + 1], used | reserved))
        return tuple(picked)

    def _not_met(self) -> list[Pair]:
        left = {
            _identity(pair): pair
            for pair in itertools.product(*(side.segments() for side in self._sides))
            if len({segment.file_id for segment in pair}) == len(pair)
            and _identity(pair) not in self._met
        }
        return list(left.values())


def require_pairs(
    recordings: Iterable[tuple[str, Sequence[str]]],
    categories: Sequence[str] | None,
    parents: int = 2,
) -> None:
    """Raise UsageError if no pair can be drawn from some recordings.

    Parameters
    ----------
    recordings : iterable of (str, sequence of str)
        File id and categories of each; read until a pair is found.
    categories : sequence of str or None
        A category or theme of each recording of a pair.
    parents : int
        How many recordings a pair is of.
    """
    wanted = [None if n is None else n.casefold() for n in categories or (None,) * parents]
    sides: list[set[str]] = [set() for _ in wanted]
    for file_id, names in recordings:
        folded = {name.casefold() for name in names}
        for side, name in zip(sides, wanted, strict=True):
            if name is None or name in folded:
                side.add(file_id)
        if _can_be_drawn(sides):
            return
    raise _too_few(sides, categories)


def _can_be_drawn(sides: Sequence[Collection[str]], used: Collection[str] = ()) -> bool:
    """Whether each side can have a recording that is not used and no other side's."""
    if not sides:
        return True
    shortest, *others = sorted(sides, key=len)
    if len(shortest) >= len(used) + len(sides):
        return True
    taken = set(used)
    return any(_can_be_drawn(others, taken | {name}) for name in shortest if name not in taken)


def _too_few(sides: Sequence[Collection[str]], categories: Sequence[str] | None) -> UsageError:
    needed = _COUNTS[len(sides)]
    if categories is None:
        return UsageError(
            f"a mash-up needs {needed} different recordings and {len(sides[0])} can be had: "
            "harvest more, or see in the quarantine why others are missing"
        )
    *most, last = (str(len(side)) for side in sides)
    return UsageError(
        f"--pair {':'.join(categories)} finds {', '.join(most)} and "
        f"{counted(int(last), 'recording')}, and a mash-up needs {needed} different ones: "
        "harvest more of these categories, or name others"
    )


def _identity(pair: Pair) -> frozenset[tuple[str, int]]:
    return frozenset((segment.file_id, segment.segment) for segment in pair)
