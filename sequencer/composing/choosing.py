"""Which clip comes next: which has rested, how much a source has had, and what fits best."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sequencer.clips.clips import Clip
from sequencer.composing.candidates import Candidate
from sequencer.composing.sections import Demand
from sequencer.composing.shares import ShareCounter
from sequencer.composing.styles import Style
from sequencer.text import counted

REST_SHARE = 2 / 3
"""A clip rests until this share of the other clips has played."""
LEAST_PART_SECONDS = 1.0
"""Where a source has room for a part of a clip only, no part shorter than this plays."""
MOST_COMPARED = 256
"""Of more clips that may play, this many are drawn and compared."""

Rows = npt.NDArray[np.int64]
# Ranks rows of clips: the lower the better, and words for the one that was taken.
_Ranked = tuple[npt.NDArray[np.float64], Callable[[int], str]]


@dataclass(frozen=True)
class NextClip:
    """A clip to play.

    Attributes
    ----------
    row : int
        Among the candidates.
    why : str
    room : int, optional
        How many samples may play, so that no source has more than its share; None for any.
    fits : bool
        Whether its sources have room for so much.
    """

    row: int
    why: str
    room: int | None
    fits: bool


class Choosing:
    """Draws clips; its memory is how often and how long ago each one played.

    Parameters
    ----------
    clips : sequence of Candidate
    style : Style
    shares : ShareCounter
        What each source has had.
    rng : Generator
    """

    def __init__(
        self,
        clips: Sequence[Candidate],
        style: Style,
        shares: ShareCounter,
        rng: np.random.Generator,
    ) -> None:
        self._style = style
        self._shares = shares
        self._rng = rng
        self._least_part = round(LEAST_PART_SECONDS * shares.sample_rate)
        self._lengths = np.array([candidate.length for candidate in clips], np.int64)
        self._uses = np.zeros(len(clips), np.int32)
        self._fewest = 0
        others = len(clips) - 1
        self._rest = min(others, max(1, math.floor(REST_SHARE * others)))
        self._last = np.full(len(clips), -1 - self._rest, np.int64)
        # When each has rested, and which one played last.
        self._ready = np.zeros(len(clips), np.int32)
        self._latest = -1
        self._count = 0
        self._pairs = _parent_pairs([candidate.clip for candidate in clips])
        self._before: dict[int, int] = {}
        self._parents = [
            frozenset(parent.file_id for parent in candidate.clip.parents) for candidate in clips
        ]
        self._entered: dict[int, str] = {}
        self._categories = [
            frozenset(
                name.lower() for parent in candidate.clip.parents for name in parent.categories
            )
            for candidate in clips
        ]
        self._features = _features(clips)
        self._ranks = {
            "loudness": _ranks([candidate.measures.loudness for candidate in clips]),
            "brightness": _ranks([candidate.measures.centroid for candidate in clips]),
        }
        self.overplayed = False

    def draw(self, layer: int, demand: Demand, longest: int, banned: Sequence[int]) -> NextClip:
        """Choose the clip that plays next in a layer; call `played` once it does.

        Parameters
        ----------
        layer : int
        demand : Demand
            What the section asks for.
        longest : int
            Samples that will play at most.
        banned : sequence of int
            Rows that were tried and had too much of a source.
        """
        pool, fits = self._pool(longest, banned)
        might = len(pool)
        pool = self._some(pool)
        before = self._before.get(layer, -1)
        if before >= 0 and self._pairs[before] >= 0:
            others = pool[self._pairs[pool] != self._pairs[before]]
            pool = others if len(others) else pool
        row, reason = self._best(pool, layer, before, demand)
        since = self._count - self._last[row] - 1
        uses = self._uses[row]
        why = "first use" if uses == 0 else f"use {uses + 1}, after {counted(int(since), 'other')}"
        self.overplayed |= bool(self._style.plays and uses >= self._style.plays)
        room = None
        if self._shares.limited:
            there = self._shares.room(np.array([row]))[0] if fits else self._shares.share_samples
            least = 2 if fits else self._least_part
            room = max(least, int(there)) if math.isfinite(there) else None
        return NextClip(row, f"{why}; {reason}one of {might} that might follow", room, fits)

    def played(self, layer: int, row: int) -> None:
        """Remember that a clip plays."""
        before = self._before.get(layer, -1)
        if self._style.choose == "parents":
            shared = self._parents[row] & self._parents[before] if before >= 0 else frozenset()
            self._entered[layer] = min(shared) if len(shared) == 1 else ""
        self._uses[row] += 1
        self._last[row] = self._count
        self._ready[row] = self._count + self._rest + 1
        self._latest = row
        self._count += 1
        self._before[layer] = row

    def _pool(self, longest: int, banned: Sequence[int]) -> tuple[Rows, bool]:
        """Return the rows to choose from, and whether there is room for their sources."""
        rested = self._ready <= self._count
        free = np.ones(len(rested), np.bool_)
        if banned:
            free[list(banned)] = False
            rested &= free
        allowed = rested if rested.any() else free
        if self._style.plays:
            limited = allowed & (self._uses < self._style.plays)
            allowed = limited if limited.any() else allowed
        if not self._shares.limited:
            return self._least_used(allowed), True
        pool = self._least_used(allowed)
        few = self._some(pool)
        room, enough = self._room(few, longest)
        if not enough.any():
            # Any other will do, rather than a source that has had its share.
            if np.count_nonzero(free) > 1:
                free[self._latest] = False
            few = np.flatnonzero(free)
            room, enough = self._room(few, longest)
        if not enough.any():
            # Too much for all: then for those that have had the least.
            return few[room >= room.max()], False
        few, room = few[enough], room[enough]
        # Sources with more room than others first, so that none runs into its limit early.
        counted = room[np.isfinite(room)]
        return (few[room >= np.median(counted)] if len(counted) else few), True

    def _room(
        self, rows: Rows, longest: int
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Return how much of each clip there is room for, and whether that is worth playing."""
        room = self._shares.room(rows)
        return room, room >= np.minimum(self._lengths[rows], min(longest, self._least_part))

    def _least_used(self, allowed: npt.NDArray[np.bool_]) -> Rows:
        while not (self._uses == self._fewest).any():
            self._fewest += 1
        most = self._fewest
        while not len(pool := np.flatnonzero(allowed & (self._uses <= most))):
            most += 1
        if self._style.choose == "chance":
            return pool
        # To compare, a round that nears its end would leave too few.
        return np.flatnonzero(allowed & (self._uses <= most + 1))

    def _some(self, pool: Rows) -> Rows:
        if len(pool) <= MOST_COMPARED:
            return pool
        return pool[self._rng.integers(len(pool), size=MOST_COMPARED)]

    def _best(self, pool: Rows, layer: int, before: int, demand: Demand) -> tuple[int, str]:
        ranked = self._ranked(pool, layer, before, demand)
        if ranked is None:
            return int(pool[self._rng.integers(len(pool))]), ""
        ranks, words = ranked
        few = min(5, max(1, len(pool) // 8))
        best = np.argsort(ranks, kind="stable")[:few]
        # Only those as good as the best, where the ranks are steps and not a distance.
        best = best[ranks[best] <= ranks[best[0]] + 1.0]
        at = int(best[self._rng.integers(len(best))])
        return int(pool[at]), f"{words(at)}, "

    def _ranked(self, pool: Rows, layer: int, before: int, demand: Demand) -> _Ranked | None:
        choose = self._style.choose
        if choose == "loudness" or choose == "brightness":
            places = self._ranks[choose][pool]
            off = np.abs(places - demand.place)
            return (
                off,
                lambda at: f"{choose} {places[at]:.0%} where {demand.place:.0%} is asked for",
            )
        if before < 0 or choose == "chance":
            return None
        if choose in ("similarity", "contrast"):
            away = np.sqrt(np.sum((self._features[pool] - self._features[before]) ** 2, axis=1))
            word = "like" if choose == "similarity" else "unlike"
            ranks = away if choose == "similarity" else -away
            return ranks, lambda at: f"{word} the clip before (distance {away[at]:.1f})"
        if choose == "category":
            return self._by_category(pool, before)
        return self._by_parents(pool, layer, before)

    def _by_category(self, pool: Rows, before: int) -> _Ranked:
        shared = [self._categories[row] & self._categories[before] for row in pool]
        ranks = np.array([0.0 if names else 10.0 for names in shared])
        return (
            ranks,
            lambda at: (
                f"category {min(shared[at])!r} as before" if shared[at] else "no category in common"
            ),
        )

    def _by_parents(self, pool: Rows, layer: int, before: int) -> _Ranked:
        """Walk on by the parent that the last step did not come by."""
        entered = self._entered.get(layer, "")
        here = self._parents[before]
        onward = (here - {entered}) or here
        ranks = np.empty(len(pool))
        for at, row in enumerate(pool):
            common = self._parents[row] & here
            steps = bool(common) and self._parents[row] != here
            ranks[at] = 0.0 if steps and common <= onward else 10.0 if common else 20.0

        def words(at: int) -> str:
            common = self._parents[pool[at]] & here
            return f"shares {min(common)[:12]!r} with the clip before" if common else "a new walk"

        return ranks, words


def _parent_pairs(clips: Sequence[Clip]) -> Rows:
    """Return each clip's set of parents a number [clips]; -1 where there are not two or more."""
    numbers: dict[frozenset[str], int] = {}
    pairs = np.full(len(clips), -1, np.int64)
    for row, clip in enumerate(clips):
        parents = frozenset(parent.file_id for parent in clip.parents)
        if len(parents) > 1:
            pairs[row] = numbers.setdefault(parents, len(numbers))
    return pairs


def _features(clips: Sequence[Candidate]) -> npt.NDArray[np.float64]:
    """Describe each clip by numbers of like spread [clips, 4]: level, brightness, hiss, motion."""
    every = np.array(
        [
            (
                max(-70.0, m.loudness),
                math.log2(max(50.0, m.centroid)),
                math.log(max(1e-4, m.flatness)),
                m.unsteadiness,
            )
            for m in (candidate.measures for candidate in clips)
        ]
    )
    spread = every.std(axis=0)
    described: npt.NDArray[np.float64] = every / np.where(spread > 1e-9, spread, 1.0)
    return described


def _ranks(values: Sequence[float]) -> npt.NDArray[np.float64]:
    """Place each value among all, 0 lowest to 1 highest."""
    order = np.argsort(np.asarray(values, np.float64), kind="stable")
    ranks = np.empty(len(order))
    ranks[order] = np.linspace(0.0, 1.0, len(order)) if len(order) > 1 else 0.5
    return ranks
