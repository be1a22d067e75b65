"""What a run tells beside the events of its stages: its harvest, and its hold on the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hdfs_jobs.runs.events import Event

if TYPE_CHECKING:
    from nsynth_batch.sources.catalog_writer import Harvest


@dataclass(frozen=True, slots=True)
class HarvestProgressed:
    """A harvest begins, goes on or ends; all counts are of this run, so far.

    Attributes
    ----------
    offered : int
        Recordings that the source offered, with those that filters left out.
    found, added : int
        Recordings that were looked at, and those new to the store.
    came : int
        Bytes copied, or fetched over the network.
    paced_seconds, busy_answers : float, int
        See `Harvest`.
    refused : mapping of str to int
        Recordings quarantined, by reason.
    ended : bool
        Whether it is over.
    """

    offered: int
    found: int
    added: int
    came: int
    paced_seconds: float
    busy_answers: int
    refused: Mapping[str, int]
    ended: bool


@dataclass(frozen=True, slots=True)
class LeaseTaken:
    """The store is this run's to write to."""

    store: str


@dataclass(frozen=True, slots=True)
class LeaseGivenBack:
    """The next run may have the store."""

    store: str


Told = Event | HarvestProgressed | LeaseTaken | LeaseGivenBack


def harvest_progress(so_far: Harvest, *, ended: bool = False) -> HarvestProgressed:
    """Give what is told of a harvest."""
    return HarvestProgressed(
        offered=so_far.found + so_far.left_out.total(),
        found=so_far.found,
        added=so_far.added,
        came=max(so_far.bytes, so_far.fetched),
        paced_seconds=so_far.paced_seconds,
        busy_answers=so_far.busy_answers,
        refused=dict(so_far.refused),
        ended=ended,
    )
