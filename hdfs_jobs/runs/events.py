"""The events of a run while it works; only a command draws them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hdfs_jobs.datasets.manifest import Quarantined, Summary


@dataclass(frozen=True, slots=True)
class StageOutcome:
    """What one run of a stage did.

    Attributes
    ----------
    name : str
        The dataset.
    shards : int
        Shards in its plan, of earlier runs too.
    committed : int
        Shards that this run saw committed.
    items, rows, quarantined : int
        Items worked on, rows written and rows quarantined, in those shards.
    seconds : float
        Seconds in those rows, as the stage counts them.
    wall_seconds : float
        How long the run took.
    drained : bool
        Whether it was asked to stop and left shards for the next run.
    """

    name: str
    shards: int
    committed: int
    items: int
    rows: int
    quarantined: int
    seconds: float
    wall_seconds: float
    drained: bool


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage begins: `pending` of `shards` shards are left to do."""

    name: str
    shards: int
    pending: int


@dataclass(frozen=True, slots=True)
class ShardCommitted:
    """A shard is done, by the worker at an address; `done` of the run's pending shards are.

    `reasons` counts the rows that it quarantined.
    """

    name: str
    summary: Summary
    done: int
    worker: str = ""
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShardRetried:
    """A shard failed and will be tried again after `delay` seconds."""

    name: str
    shard: int
    attempt: int
    error: str
    delay: float


@dataclass(frozen=True, slots=True)
class ShardFailed:
    """A shard failed on its last try, and is left to the next run."""

    name: str
    shard: int
    attempt: int
    error: str


@dataclass(frozen=True, slots=True)
class ItemQuarantined:
    """One item (or row of one) was quarantined; of each shard, the first ones have an event."""

    name: str
    shard: int
    entry: Quarantined


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """The scheduler lost a worker, and with it its work on `shards`, which is done again."""

    name: str
    worker: str
    shards: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WorkersAwaited:
    """No worker takes shards, for a `reason`, since `waited` seconds; `patience` is the most."""

    name: str
    reason: str
    waited: float
    patience: float


@dataclass(frozen=True, slots=True)
class RoundsRepeated:
    """States of rounds are lost for a `reason`; those after an earlier one are made again.

    `done` rounds had been reported.
    """

    name: str
    done: int
    reason: str


@dataclass(frozen=True, slots=True)
class StageFinished:
    """A stage ended without an error."""

    outcome: StageOutcome


Event = (
    StageStarted
    | ShardCommitted
    | ShardRetried
    | ShardFailed
    | ItemQuarantined
    | WorkerLost
    | WorkersAwaited
    | RoundsRepeated
    | StageFinished
)
