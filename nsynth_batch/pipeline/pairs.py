"""Which two segments are mashed up: pair k of a seed, drawn over a snapshot of the pool."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from hdfs_jobs.errors import UsageError
from nsynth_batch.models.draws import Draws

_TRIES = 64


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


@dataclass(frozen=True)
class _Side:
    """The recordings that one side of a pair is drawn from, each with its segments."""

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

    def draw(self, recording: float, segment: float, apart_from: str | None) -> PoolSegment:
        """Pick by two draws in [0, 1), leaving one recording out."""
        excluded = None if apart_from is None else self.position.get(apart_from)
        index = int(recording * (len(self.recordings) - (excluded is not None)))
        if excluded is not None and index >= excluded:
            index += 1
        segments = self.recordings[index]
        return segments[int(segment * len(segments))]

    def segments(self) -> Iterator[PoolSegment]:
        for recording in self.recordings:
            yield from recording


def draw_pairs(
    pool: Sequence[PoolSegment],
    count: int,
    seed: int,
    categories: tuple[str, str] | None = None,
) -> Iterator[tuple[PoolSegment, PoolSegment]]:
    """Draw pairs 0 … count - 1 of a seed.

    Both recordings of a pair are drawn first and a segment of each then, so a long recording is
    drawn no more often than a short one. Pair k depends on the pool, the seed and k: asking for
    more pairs leaves those before as they are. No two segments meet twice before every two that may
    meet have met.

    Parameters
    ----------
    pool : sequence of PoolSegment
        In any order.
    count : int
        How many pairs.
    seed : int
        Keys the draws, together with k.
    categories : (str, str), optional
        Categories or themes of the first and the second recording; upper and lower case are one.

    Returns
    -------
    iterator of (PoolSegment, PoolSegment)
        Of two different recordings.

    Raises
    ------
    UsageError
        If there are no two different recordings to draw: at once, not at the first pair.
    """
    first, second = (_Side.of(pool, category) for category in categories or (None, None))
    if not _can_be_drawn(first.position, second.position):
        raise _too_few(first.position, second.position, categories)
    return _drawn(first, second, count, seed)


def _drawn(
    first: _Side, second: _Side, count: int, seed: int
) -> Iterator[tuple[PoolSegment, PoolSegment]]:
    current = _Round(first, second)
    for k in range(count):
        draws = Draws(seed, f"pair {k}")
        pair = current.draw(draws)
        if pair is None:
            current = _Round(first, second)
            pair = current.draw(draws)
            assert pair is not None
        yield pair


class _Round:
    """Pairs drawn until every two segments that may meet have met once."""

    def __init__(self, first: _Side, second: _Side) -> None:
        self._first, self._second = first, second
        # Where one side has a single recording the other must leave it to that side.
        self._reserved = next(iter(second.position)) if len(second.position) == 1 else None
        self._met: set[frozenset[tuple[str, int]]] = set()
        self._left: list[tuple[PoolSegment, PoolSegment]] | None = None

    def draw(self, draws: Draws) -> tuple[PoolSegment, PoolSegment] | None:
        """Return a pair that has not met, or None where all have."""
        *tries, last = draws.uniform(0, 4 * _TRIES + 1).tolist()
        if self._left is None:
            for at in range(0, len(tries), 4):
                a = self._first.draw(tries[at], tries[at + 1], self._reserved)
                b = self._second.draw(tries[at + 2], tries[at + 3], a.file_id)
                if _identity(a, b) not in self._met:
                    self._met.add(_identity(a, b))
                    return a, b
            # Nearly all have met: from here on what is left is drawn from a list of it.
            self._left = self._not_met()
        if not self._left:
            return None
        return self._left.pop(int(last * len(self._left)))

    def _not_met(self) -> list[tuple[PoolSegment, PoolSegment]]:
        left = {
            _identity(a, b): (a, b)
            for a in self._first.segments()
            for b in self._second.segments()
            if a.file_id != b.file_id and _identity(a, b) not in self._met
        }
        return list(left.values())


def require_pairs(
    recordings: Iterable[tuple[str, Sequence[str]]], categories: tuple[str, str] | None
) -> None:
    """Raise UsageError if no pair can be drawn from some recordings.

    Parameters
    ----------
    recordings : iterable of (str, sequence of str)
        File id and categories of each; read until a pair is found.
    categories : (str, str) or None
        Categories or themes of the first and the second recording of a pair.
    """
    wanted = [None if name is None else name.casefold() for name in categories or (None, None)]
    sides: tuple[set[str], set[str]] = (set(), set())
    for file_id, names in recordings:
        folded = {name.casefold() for name in names}
        for side, name in zip(sides, wanted, strict=True):
            if name is None or name in folded:
                side.add(file_id)
        if _can_be_drawn(*sides):
            return
    raise _too_few(*sides, categories)


def _can_be_drawn(first: Collection[str], second: Collection[str]) -> bool:
    return bool(first and second) and len({*first, *second}) > 1


def _too_few(
    first: Collection[str], second: Collection[str], categories: tuple[str, str] | None
) -> UsageError:
    if categories is None:
        return UsageError(
            f"a mash-up needs two different recordings and {len(first)} can be had: "
            "harvest more, or see in the quarantine why others are missing"
        )
    return UsageError(
        f"--pair {':'.join(categories)} finds {len(first)} and {len(second)} "
        "recordings, and a mash-up needs two different ones: harvest more of these categories, "
        "or name others"
    )


def _identity(a: PoolSegment, b: PoolSegment) -> frozenset[tuple[str, int]]:
    return frozenset({(a.file_id, a.segment), (b.file_id, b.segment)})
