"""What a store holds and what is left to do, read from its manifests alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.manifest import Summary
from hdfs_jobs.datasets.retry import open_entries
from hdfs_jobs.datasets.store import Store
from nsynth_batch.choices import MODEL_FACTS
from nsynth_batch.store.layout import DATASETS


@dataclass(frozen=True)
class StageStatus:
    """Where a stage stands, for the settings it was run with last.

    Attributes
    ----------
    shards, committed
        Shards planned, and done.
    rows, seconds
        In the committed shards; seconds of audio.
    quarantined
        Rows set aside: every mash-up of a batch that failed whole.
    """

    shards: int = 0
    committed: int = 0
    rows: int = 0
    seconds: float = 0.0
    quarantined: int = 0


def status_of(dataset: Dataset | None) -> StageStatus:
    """Sum up a dataset; all zero where there is none."""
    if dataset is None:
        return StageStatus()
    totals = dataset.totals()
    return StageStatus(
        totals.shards, totals.committed, totals.rows, round(totals.seconds, 3), totals.quarantined
    )


def store_status(store: Store) -> dict[str, StageStatus]:
    """Sum up the latest dataset of each stage, by its name."""
    return {name: status_of(store.current_of(name)) for name in DATASETS}


def made_with(store: Store) -> dict[str, dict[str, str]]:
    """Give what the latest dataset of each stage that runs a model is made with, by its name."""
    found = {}
    for name in DATASETS:
        dataset = store.current_of(name)
        if dataset is not None and "engine" in dataset.settings:
            found[name] = {fact: str(dataset.settings[fact]) for fact in MODEL_FACTS}
    return found


def committed_shards(store: Store) -> Iterator[tuple[str, Summary]]:
    """Give each committed shard of each stage's latest dataset, in order, with its statistics."""
    for name in DATASETS:
        dataset = store.current_of(name)
        if dataset is not None:
            for summary in sorted(dataset.summaries(), key=lambda one: one.shard):
                yield name, summary


def reasons(dataset: Dataset) -> Counter[str]:
    """Count the rows that a dataset has in quarantine, by reason."""
    counts: Counter[str] = Counter()
    for _, entry in open_entries(dataset):
        counts[entry.reason] += entry.rows
    return counts
