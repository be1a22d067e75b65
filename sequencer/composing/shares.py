"""How much of a composition each source has had, while it is being composed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from sequencer.clips.clips import Clip
from sequencer.clips.weight_points import mean_weight
from sequencer.credits.aligned import parents_of, title_of


class ShareCounter:
    """Counts seconds times weight of each recording, as `sequencer.credits.aligned` does.

    Parameters
    ----------
    clips : sequence of Clip
        With thinned weights and their length in seconds.
    seconds : float
        Length of the composition.
    share : float
        How much of it a recording may have, above 0; from 1 on there is no limit.
    sample_rate : int
        Of the composition in Hz: what samples are counted at.
    """

    def __init__(
        self, clips: Sequence[Clip], seconds: float, share: float, sample_rate: int
    ) -> None:
        self.sample_rate = sample_rate
        self.limited = share < 1.0
        self._share = share
        self._seconds = seconds
        self._clips = clips
        self._titles = {
            parent.file_id: title_of(parent) for clip in clips for parent in parents_of(clip)
        }
        rows = {file_id: row for row, file_id in enumerate(self._titles)}
        self._rows = rows
        # Clips with fewer parents than others point at a row behind all, which has no limit. What a
        # model was trained on is not counted: no recording of it can be audible.
        most = max(len(parents_of(clip)) for clip in clips)
        self._parents = np.full((len(clips), most), len(rows), np.int64)
        self._weights = np.zeros((len(clips), most))
        for number, clip in enumerate(clips):
            for place, parent in enumerate(parents_of(clip)):
                self._parents[number, place] = rows[parent.file_id]
                self._weights[number, place] = mean_weight(parent.weights, 0.0, 1.0)
        self._left = np.full(len(rows) + 1, seconds * share if self.limited else math.inf)
        self._left[-1] = math.inf
        self.share_samples = round(min(1.0, share) * seconds * sample_rate)

    def room(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return how many samples of each clip, about, its sources still have room for [n].

        Below 0 where one has had more than its share, infinite for a clip without a source.

        Parameters
        ----------
        rows : ndarray, int64 [n]
            Of the clips.
        """
        left = self._left[self._parents[rows]]
        weights = self._weights[rows]
        each = np.divide(left, weights, out=np.full(left.shape, np.inf), where=weights > 0)
        room: npt.NDArray[np.float64] = each.min(axis=1, initial=np.inf) * self.sample_rate
        return room

    def fits(self, row: int, offset: int, length: int) -> bool:
        """Return whether there is room for a part of a clip, in samples."""
        return not self.limited or all(
            seconds <= self._left[at] for at, seconds in self._needed(row, offset, length).items()
        )

    def take(self, row: int, offset: int, length: int) -> None:
        """Count a part of a clip, in samples."""
        if not self.limited:
            return
        for at, seconds in self._needed(row, offset, length).items():
            self._left[at] -= seconds

    def notes(self) -> list[str]:
        """Return a message if recordings have had more than they may, with the worst."""
        if not self.limited:
            return []
        over = [
            (float(-self._left[row]), self._titles[file_id])
            for file_id, row in self._rows.items()
            # A sample more is a matter of rounding.
            if self._left[row] < -1.0 / self.sample_rate
        ]
        if not over:
            return []
        most, title = max(over)
        others = f" and {len(over) - 1} more" if len(over) > 1 else ""
        return [
            f"the limit of {self._share:.3g} of the time for a recording cannot be held with "
            f"{len(self._rows)} of them: {title!r} has {self._share + most / self._seconds:.3g}"
            f"{others}"
        ]

    def _needed(self, row: int, offset: int, length: int) -> Mapping[int, float]:
        clip = self._clips[row]
        last = max(1, round(clip.seconds * self.sample_rate) - 1)
        needed: dict[int, float] = {}
        for parent in parents_of(clip):
            mean = mean_weight(parent.weights, offset / last, (offset + length - 1) / last)
            at = self._rows[parent.file_id]
            needed[at] = needed.get(at, 0.0) + mean * length / self.sample_rate
        return needed
