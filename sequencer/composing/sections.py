"""A composition's sections in time, and what holds at each moment of them."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from sequencer.composing.styles import CURVES, Part
from sequencer.score.score import Section


@dataclass(frozen=True)
class Demand:
    """What a mood asks for at one moment; see `sequencer.composing.styles.MoodCurve`."""

    density: float
    length: float
    level_db: float
    place: float


class Grid:
    """Beats in samples, or free time, where every sample is as good as another.

    Parameters
    ----------
    tempo : float
        Beats a minute; 0 for free time.
    sample_rate : int
        In Hz.
    """

    def __init__(self, tempo: float, sample_rate: int) -> None:
        self.beat = 60.0 * sample_rate / tempo if tempo else 0.0

    def at(self, beat: int) -> int:
        """Return the sample of a beat, counted from 0; each is rounded by itself: no drift."""
        return round(beat * self.beat)

    def next_beat(self, sample: int) -> int:
        """Count the beats before the first one that is not before a sample."""
        beat = max(0, int(sample / self.beat) - 1)
        while self.at(beat) < sample:
            beat += 1
        return beat

    def snapped(self, sample: int) -> int:
        """Return the first beat that is not before a sample; in free time the sample itself."""
        return self.at(self.next_beat(sample)) if self.beat else sample


class Sections:
    """Sections laid out over a composition.

    Parameters
    ----------
    parts : sequence of Part
        Their moods and lengths beside each other.
    samples : int
        Length of the composition.
    density : float
        Of the style.
    grid : Grid
        Sections begin on the beat.
    """

    def __init__(self, parts: Sequence[Part], samples: int, density: float, grid: Grid) -> None:
        whole = sum(part.share for part in parts)
        self._density = density
        self._parts: list[Part] = []
        self._starts: list[int] = []
        done = 0.0
        for part in parts:
            start = grid.snapped(round(samples * done / whole))
            done += part.share
            if self._starts and start == self._starts[-1]:
                self._parts[-1] = part
            elif start < samples:
                self._parts.append(part)
                self._starts.append(start)
        self._ends = [*self._starts[1:], samples]

    def at(self, sample: int) -> Demand:
        """Return what holds at a sample, which may lie behind the end."""
        number = max(0, bisect.bisect_right(self._starts, sample) - 1)
        start, end = self._starts[number], self._ends[number]
        done = min(1.0, (sample - start) / (end - start))
        curve = CURVES[self._parts[number].mood]

        def between(ends: tuple[float, float]) -> float:
            return ends[0] + (ends[1] - ends[0]) * done

        return Demand(
            density=min(1.0, self._density * between(curve.density)),
            length=between(curve.length),
            level_db=between(curve.level_db),
            place=between(curve.place),
        )

    def listed(self) -> tuple[Section, ...]:
        """List them as a score does."""
        return tuple(
            Section(start, part.mood, _what(self.at(start), self.at(end - 1)))
            for part, start, end in zip(self._parts, self._starts, self._ends, strict=True)
        )


def _what(first: Demand, last: Demand) -> str:
    def span(one: float, other: float, form: str) -> str:
        # Adding 0 takes the sign from a zero.
        begin, end = (format(round(value, 2) + 0.0, form) for value in (one, other))
        return begin if begin == end else f"{begin} to {end}"

    return (
        f"density {span(first.density, last.density, '.2f')}, "
        f"level {span(first.level_db, last.level_db, '+.0f')} dB, "
        f"lengths times {span(first.length, last.length, '.2f')}"
    )
