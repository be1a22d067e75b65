"""Which clips of a model to keep by their own likelihood: not the most copied, not the oddest."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.errors import UsageError
from sequencer.text import counted


@dataclass(frozen=True)
class Likely:
    """A range of the clips of one dataset, the most likely first.

    Attributes
    ----------
    first, last : float
        Where it begins and ends, as shares of all: 0 is the most likely clip, 1 the least.

    Raises
    ------
    ValueError
        If it is no range within 0 and 1.

    Examples
    --------
    >>> sorted(Likely(0.05, 0.6).kept({"a": 0.1, "b": 2.0, "c": 1.0, "d": 3.0}))
    ['a', 'b', 'c']
    """

    first: float
    last: float

    def __post_init__(self) -> None:
        if not 0 <= self.first < self.last <= 1:
            raise ValueError(f"no range within 0 and 1: {self.first:g} to {self.last:g}")

    def kept(self, nats: dict[str, float]) -> set[str]:
        """Return the clips in the range, by nats a sample of each; of a part of one, the whole."""
        ranked = sorted(nats, key=lambda clip_id: (nats[clip_id], clip_id))
        # Shares as 0.6 times 5 lie a little beside the whole number.
        first = math.floor(round(self.first * len(ranked), 6))
        last = math.ceil(round(self.last * len(ranked), 6))
        return set(ranked[first:last])

    def of(self, dataset: Dataset) -> set[str]:
        """Return which clips of a dataset are in the range.

        Raises
        ------
        UsageError
            If clips of it have no likelihood.
        """
        nats: dict[str, float] = {}
        without = 0
        for _, table in dataset.tables(["clip_id", "nll"]):
            if "nll" not in table.column_names:
                without += len(table)
                continue
            for row in table.to_pylist():
                if row["nll"] is None:
                    without += 1
                else:
                    nats[row["clip_id"]] = row["nll"]
        if without:
            raise UsageError(
                f"no likelihood: {counted(without, 'clip')} of {dataset.path}, decoded, or "
                "generated with --no-likelihood or by an earlier release; leave --keep-likely "
                "away, or take clips that have one by --of generate"
            )
        return self.kept(nats)
