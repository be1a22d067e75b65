"""Joins: where one event of a layer gives way to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sequencer.score.score import Event


@dataclass(frozen=True)
class Voice:
    """An event with its neighbours: those it is joined to, in the same layer.

    Attributes
    ----------
    event : Event
    before, after : Event or None
        The event that its fade-in replaces, and the one that replaces it.
    """

    event: Event
    before: Event | None = None
    after: Event | None = None


def voices(events: Sequence[Event]) -> list[Voice]:
    """Find the joins among the events of one layer, given in order of their starts.

    Two neighbours are joined where the fade-out of the first covers the same span as the fade-in
    of the second.
    """
    joined = [are_joined(*pair) for pair in pairwise(events)]
    return [
        Voice(
            event,
            events[number - 1] if number and joined[number - 1] else None,
            events[number + 1] if number < len(joined) and joined[number] else None,
        )
        for number, event in enumerate(events)
    ]


def are_joined(before: Event, after: Event) -> bool:
    """Whether two neighbours of a layer fade over the same span."""
    length = before.fade_out
    return length > 0 and length == after.fade_in and before.end == after.start + length


def pan_gains(pan: float, channels: int) -> tuple[float, ...]:
    """Return the gain of each channel for a place from -1 to 1, at constant power; 1 in mono."""
    if channels == 1:
        return (1.0,)
    angle = (pan + 1.0) * np.pi / 4
    return (float(np.cos(angle)), float(np.sin(angle)))


def closeness(before: Event, after: Event, channels: int) -> float:
    """How far two places share channels: 1 for the same place, 0 for opposite sides.

    The correlation of two sounds, summed over the channels they are panned to, is that of the
    sounds times this.
    """
    pairs = zip(pan_gains(before.pan, channels), pan_gains(after.pan, channels), strict=True)
    return sum(a * b for a, b in pairs)


class Correlation:
    """Normalised correlation of two sounds at lag 0, gathered block by block."""

    def __init__(self) -> None:
        self._sums = np.zeros(3)

    def add(self, first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> None:
        """Take samples of both [n]."""
        a, b = first.astype(np.float64), second.astype(np.float64)
        # Sums, not dot products: those are BLAS's, whose last bits depend on its threads.
        self._sums += (np.sum(a * a), np.sum(b * b), np.sum(a * b))

    @property
    def rho(self) -> float:
        """From -1 to 1; 0 where one of them is silent."""
        norm = float(np.sqrt(self._sums[0] * self._sums[1]))
        return float(self._sums[2]) / norm if norm > 1e-20 else 0.0
