"""What goes over the network for one shard: the job to a worker, and its result back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.manifest import Manifest, Quarantined, Summary
from hdfs_jobs.datasets.plan import Shard
from hdfs_jobs.storage.base import Storage

SHOWN_ENTRIES = 100
STALL_SECONDS = 900.0


@dataclass(frozen=True)
class ShardJob:
    """All that a worker needs to know of one shard.

    Attributes
    ----------
    dataset : Dataset
        Where the rows go.
    shard : Shard
        What to do.
    stage : bytes
        The pickled stage: its bytes are how a process recognises the one it has already.
    upstream : Storage or None
        The storage that the items' rows are on.
    upstream_files : mapping of int to str
        The data files that hold those rows, by upstream shard.
    require : mapping of str to str
        Facts that the worker must report.
    time_limit : float or None
        Seconds an item.
    last : bool
        Whether this is the last try: what cannot be explained is quarantined then.
    drain : str
        A path; if it exists, nothing is to be begun.
    slots : mapping of str to int
        Workers on each machine, by its address.
    stall : float
        Seconds in which something must happen between items, where these have a time limit: a
        storage that never answers would keep the worker for ever.
    run : str
        The id of the run: a task announces under it that it begins.
    """

    dataset: Dataset
    shard: Shard
    stage: bytes
    upstream: Storage | None
    upstream_files: Mapping[int, str]
    require: Mapping[str, str]
    time_limit: float | None
    last: bool
    drain: str
    slots: Mapping[str, int]
    stall: float = STALL_SECONDS
    run: str = ""

    @property
    def partials(self) -> str:
        """Folder for the shard's partial results."""
        return partials_folder(self.dataset, self.shard)


@dataclass(frozen=True, slots=True)
class ShardResult:
    """What comes back over the network: the first entries of the quarantine, and never rows."""

    summary: Summary
    quarantined: tuple[Quarantined, ...]
    reasons: Mapping[str, int]
    worker: str = ""

    @classmethod
    def of(cls, manifest: Manifest) -> ShardResult:
        """Take from a manifest what is worth sending."""
        reasons = Counter[str]()
        for entry in manifest.quarantined:
            reasons[entry.reason] += entry.rows
        return cls(manifest.summary(), manifest.quarantined[:SHOWN_ENTRIES], dict(reasons))


def partials_folder(dataset: Dataset, shard: Shard) -> str:
    """Return the folder for partial results of one shard."""
    return f"{dataset.partials}/{shard.number:08d}-{shard.digest}"
