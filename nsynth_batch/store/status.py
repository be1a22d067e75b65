"""What a store holds and what is left to do, read from its manifests alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from hdfs_jobs.canonical_json import Json
from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.manifest import Summary
from hdfs_jobs.datasets.retry import open_entries
from hdfs_jobs.datasets.store import Store
from nsynth_batch.settings.choices import MODEL_FACTS


@dataclass(frozen=True)
class DatasetStatus:
    """Where the current datasets of a name stand.

    Attributes
    ----------
    shards, committed
        Shards planned, and done.
    rows, seconds
        In the committed shards; seconds of audio.
    quarantined
        Rows: every mash-up of a batch that failed whole.
    """

    shards: int = 0
    committed: int = 0
    rows: int = 0
    seconds: float = 0.0
    quarantined: int = 0

    def __add__(self, other: DatasetStatus) -> DatasetStatus:
        """Return both in numbers together."""
        return DatasetStatus(
            self.shards + other.shards,
            self.committed + other.committed,
            self.rows + other.rows,
            round(self.seconds + other.seconds, 3),
            self.quarantined + other.quarantined,
        )


Producers = Mapping[str, Mapping[str, Dataset]]
"""The current datasets of each name, by who made them."""


def status_of(dataset: Dataset) -> DatasetStatus:
    """Return a dataset in numbers."""
    totals = dataset.totals()
    return DatasetStatus(
        totals.shards, totals.committed, totals.rows, round(totals.seconds, 3), totals.quarantined
    )


@dataclass(frozen=True)
class DatasetFacts:
    """A dataset of a store, current or not.

    Attributes
    ----------
    name, digest
        Where it stands.
    current
        Whether it is what its producer planned last.
    seed, checkpoint
        Of its settings; empty where it has none.
    rows, seconds, bytes
        In the committed shards.
    since
        When its settings were written, UTC, by the clock of the storage.
    """

    name: str
    digest: str
    current: bool
    seed: str
    checkpoint: str
    rows: int
    seconds: float
    bytes: int
    since: str


def every_dataset(store: Store, names: Iterable[str]) -> Iterator[DatasetFacts]:
    """Yield the facts of every dataset of some names, those of earlier settings too."""
    for name in names:
        current = {dataset.digest for dataset in store.current(name)}
        for dataset in store.datasets(name):
            totals, settings = dataset.totals(), dataset.settings
            changed = store.storage.stat(f"{dataset.path}/settings.json").modified
            yield DatasetFacts(
                name=name,
                digest=dataset.digest,
                current=dataset.digest in current,
                seed=str(settings.get("seed", "")),
                checkpoint=str(settings.get("checkpoint", "")),
                rows=totals.rows,
                seconds=round(totals.seconds, 3),
                bytes=totals.bytes,
                since=datetime.fromtimestamp(changed, UTC).isoformat(timespec="seconds"),
            )


def store_status(producers: Producers) -> dict[str, dict[str, DatasetStatus]]:
    """Return the current datasets in numbers, by name and by who made them."""
    return {
        name: {who: status_of(dataset) for who, dataset in current.items()}
        for name, current in producers.items()
    }


def in_all(parts: Mapping[str, DatasetStatus]) -> DatasetStatus:
    """Return the datasets of all producers of a name in numbers together."""
    return sum(parts.values(), DatasetStatus())


def as_json(parts: Mapping[str, DatasetStatus]) -> dict[str, Json]:
    """Return the datasets of a name as JSON values: together, and one by one if several made it."""
    content: dict[str, Json] = asdict(in_all(parts))
    if len(parts) > 1:
        content["producers"] = {who: asdict(part) for who, part in parts.items()}
    return content


def made_with(dataset: Dataset) -> dict[str, str]:
    """Return the facts of the model that a dataset was made with; empty if no model was."""
    return {fact: str(dataset.settings[fact]) for fact in MODEL_FACTS if fact in dataset.settings}


def committed_shards(producers: Producers) -> Iterator[tuple[str, str, Summary]]:
    """Yield name, producer and statistics of each committed shard of the current datasets."""
    for name, current in producers.items():
        for who, dataset in current.items():
            for summary in sorted(dataset.summaries(), key=lambda one: one.shard):
                yield name, who, summary


def reasons(dataset: Dataset) -> Counter[str]:
    """Count the rows that a dataset has in quarantine, by reason."""
    counts: Counter[str] = Counter()
    for _, entry in open_entries(dataset):
        counts[entry.reason] += entry.rows
    return counts
