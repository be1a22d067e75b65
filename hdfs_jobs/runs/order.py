"""In which order pending shards are begun: as planned, but not all of a stretch that fails."""

from __future__ import annotations

import random

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Shard

PROBES = 16
"""About how many more shards are tried, from here to the end of the plan, where all fail."""


class ShardOrder:
    """The pending shards of a dataset, each given out once.

    While all fail, the next one is further ahead: about `PROBES` of them, at random places, reach
    the end of the plan. So a long stretch of shards whose sources are missing keeps no other from
    being done, in this run or a later one; and where nothing works, that is known soon. What was
    passed over is come back to if anything was committed since.

    Parameters
    ----------
    dataset : Dataset
        Planned.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._pending = dataset.pending()
        self._shards = iter(self._pending)
        self._given: set[int] = set()
        self._farthest = max(1, 2 * len(self._pending) // PROBES)
        self.passed_over = 0

    def __len__(self) -> int:
        """How many there were to begin with."""
        return len(self._pending)

    def next(self, *, failing: bool) -> Shard | None:
        """Return the next shard; None at the end of the plan.

        Parameters
        ----------
        failing : bool
            Whether all failed lately.
        """
        skip = random.randrange(self._farthest) if failing else 0
        for shard in self._shards:
            if shard.number in self._given:
                continue
            if skip:
                skip -= 1
                self.passed_over += 1
                continue
            self._given.add(shard.number)
            return shard
        return None

    def come_back(self) -> None:
        """Begin again at the first shard that was passed over."""
        self._shards = iter(self._dataset.pending())
        self.passed_over = 0
