"""A dataset: shards that are planned, and the manifests that say which of them exist."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hdfs_jobs.canonical_json import Json, canonical_json, digest_of
from hdfs_jobs.datasets.current import set_current
from hdfs_jobs.datasets.manifest import (
    Manifest,
    Summary,
    manifest_name,
    parse_manifest_name,
    parse_object,
)
from hdfs_jobs.datasets.manifests import Manifests
from hdfs_jobs.datasets.plan import Item, RowRange, Shard, Shards
from hdfs_jobs.datasets.plan_files import PlanFiles
from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage

if TYPE_CHECKING:
    import pyarrow as pa

    from hdfs_jobs.datasets.verify import Problem

DRAINS = "runs/drain"
"""Folder of the marks of runs that begin nothing any more."""


@dataclass(frozen=True, slots=True)
class Totals:
    """A dataset in numbers; `shards` are planned, the rest is summed over the committed ones.

    Attributes
    ----------
    shards, committed : int
        Shards planned, and of those committed.
    items, rows, quarantined : int
        Items taken in, rows written, rows quarantined; what was tried again counts once.
    bytes : int
        Of the data files.
    seconds, wall_seconds : float
        Seconds in the rows, as the stage counts them, and seconds of work on them.
    """

    shards: int
    committed: int
    items: int
    rows: int
    quarantined: int
    bytes: int
    seconds: float
    wall_seconds: float


class Dataset:
    """One ``<name>/<digest>/`` of a store; the digest is that of the settings.

    Settings are all that changes the bytes of a row, the digest of the upstream dataset included:
    other settings are another dataset, and never mix with this one. Making the object reads and
    writes nothing; it is small and can be pickled.

    Parameters
    ----------
    storage : Storage
        The store's.
    name : str
        What the rows are.
    settings : mapping
        JSON values.
    producer : str
        Who plans it, where datasets of one name come from several; the name of none is empty.

    Examples
    --------
    >>> import tempfile
    >>> from hdfs_jobs.datasets.store import Store
    >>> folder = tempfile.TemporaryDirectory()
    >>> dataset = Store.open(folder.name, create=True).dataset("squares", {"power": 2})
    >>> dataset.path
    'squares/b1130014ec867c9e'
    >>> new = dataset.plan([Item("a"), Item("b"), Item("c")], per_shard=2)
    >>> [[item.key for item in shard.items] for shard in new]
    [['a', 'b'], ['c']]
    >>> len(dataset.plan([Item("a"), Item("d")], per_shard=2)), len(dataset.pending())
    (1, 3)
    >>> dataset.totals().committed
    0
    >>> folder.cleanup()
    """

    def __init__(
        self, storage: Storage, name: str, settings: Mapping[str, Json], producer: str = ""
    ) -> None:
        self.storage = storage
        self.name = name
        self.producer = producer
        self.settings: Mapping[str, Json] = json.loads(canonical_json(settings))
        self.digest = digest_of({"name": name, "settings": settings})
        self.path = f"{name}/{self.digest}"
        self._plans = PlanFiles(storage, self.path)
        self._manifests = Manifests(storage, self.path)
        self._names: dict[int, str] = {}

    def __reduce__(self) -> tuple[type[Dataset], tuple[Storage, str, Mapping[str, Json], str]]:
        """Pickle what it is made of, without what it has read."""
        return Dataset, (self.storage, self.name, self.settings, self.producer)

    def __repr__(self) -> str:
        """Name the dataset and its store."""
        return f"Dataset({self.storage.url}/{self.path})"

    @property
    def partials(self) -> str:
        """Folder of what unfinished shards have kept."""
        return f"runs/partial/{self.path}"

    @property
    def quarantine(self) -> str:
        """Folder of the quarantine files."""
        return f"quarantine/{self.path}"

    def snapshot(self) -> Dataset:
        """List the manifests now and no more, for a run that no other run commits beside.

        On HDFS 100,000 names take seconds. A run that holds the store's lease adds each shard
        that its workers commit by `compact`; a worker that a dead run has left may commit one as
        well, which the run then finds when it gives out that shard.

        Returns
        -------
        Dataset
            This object.
        """
        self._manifests.snapshot()
        return self

    def plan(
        self, items: Iterable[Item], per_shard: int, *, again: bool = False, dry_run: bool = False
    ) -> Shards:
        """Append the items that are not planned yet, as new shards.

        Planned items keep their shard, whatever else comes; new shards are never filled up later.
        The plan is published before this returns, and the dataset becomes the current one of its
        producer, also when there is nothing new.

        Parameters
        ----------
        items : iterable of Item
            All that there is to do; what is planned already is left out. It may stream.
        per_shard : int
            Items a new shard.
        again : bool
            Plan the items although they are planned: to try again what was quarantined.
        dry_run : bool
            Write nothing.

        Returns
        -------
        Shards
            The new shards.

        Raises
        ------
        UsageError
            The plan or the settings on storage were altered, or the plan was lost.
        InfrastructureError
            Another run planned at the same moment.
        """
        # In this order: another run may plan and commit in between.
        names = self._manifests.names()
        first = self._plans.next_shard()
        if any(number >= first for number in names):
            raise UsageError(
                f"{self.storage.url}/{self._plans.folder}: the plan of committed shards is "
                "missing; restore it, or delete the dataset to begin anew"
            )
        if not dry_run:
            self._settle_settings()
            set_current(self.storage, self.name, self.producer, self.digest)
        return self._plans.append(items, per_shard, again=again, dry_run=dry_run)

    def shards(self) -> Shards:
        """Return all planned shards."""
        return Shards(self._plans.next_shard(), self._plans.shards)

    def pending(self) -> Shards:
        """Return the planned shards that are not committed.

        Raises
        ------
        UsageError
            The plan was altered, or a manifest belongs to no shard of it.
        """
        committed = self.committed()

        def read() -> Iterator[Shard]:
            return self._plans.shards(skip=frozenset(committed))

        return Shards(self._plans.next_shard() - len(committed), read)

    def committed(self) -> dict[int, str]:
        """Return the manifest name of each committed shard, by number; manifests stay closed.

        Raises
        ------
        UsageError
            The plan was altered, or a manifest belongs to no shard of it.
        """
        names = self._manifests.names()
        digests = self._plans.digests()
        for number, name in names.items():
            if parse_manifest_name(name) != (number, digests.get(number)):
                raise UsageError(
                    f"{self.storage.url}/{self._manifests.folder}/{name}: belongs to no shard of "
                    "the plan; restore the plan under runs/plans, or delete the dataset"
                )
        return names

    def summaries(self) -> Iterator[Summary]:
        """Yield the summary of each committed shard by number, without opening data files.

        The SHA-256 of a data file and a row's place in it are a content identity of that row.
        """
        return self._manifests.summaries()

    def totals(self) -> Totals:
        """Return the dataset in numbers."""
        committed = items = rows = quarantined = size = 0
        seconds = wall = 0.0
        for summary in self.summaries():
            committed += 1
            items += 0 if summary.settled else summary.items
            rows += summary.rows
            quarantined += summary.quarantined - summary.settled
            size += summary.bytes
            seconds += summary.seconds
            wall += summary.wall_seconds
        planned = self._plans.next_shard()
        return Totals(planned, committed, items, rows, quarantined, size, seconds, wall)

    def compact(self, known: Iterable[Summary] = ()) -> None:
        """Bring the index of manifests up to date; manifests of `known` need not be opened."""
        self._manifests.compact(known)

    def forget_deleted(self) -> None:
        """Drop the lines of deleted manifests from the index.

        Call it before shards are worked on: a shard that is made again has a manifest of the same
        name, for which the index would still hold the old line.
        """
        self._manifests.forget_deleted()

    def manifest(self, number: int) -> Manifest:
        """Return the manifest of a committed shard; KeyError if it is not committed."""
        return self._manifests.load(self._name_of(number))

    def manifests(self) -> Iterator[Manifest]:
        """Yield every manifest by shard number, opening each."""
        for name in self._manifests.names().values():
            yield self._manifests.load(name)

    def find(self, shard: Shard) -> Manifest | None:
        """Return the manifest of a planned shard; None if it is not committed."""
        try:
            return self._manifests.load(manifest_name(shard.number, shard.digest))
        except FileNotFoundError:
            return None

    def publish(self, manifest: Manifest) -> bool:
        """Publish a manifest, which makes its shard exist; False when it exists already."""
        return self._manifests.publish(manifest)

    def data_paths(self) -> dict[int, str]:
        """Return the path of the data file of each committed shard, by number."""
        return {summary.shard: f"{self.path}/{summary.file}" for summary in self.summaries()}

    def read(self, number: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Read one committed shard; KeyError if it is not committed."""
        from hdfs_jobs.datasets.parquet import read_table

        return read_table(self.storage, f"{self.path}/{self.manifest(number).file}", columns)

    def check(self, number: int) -> None:
        """Read the data file of a committed shard whole, and compare it with its manifest.

        Raises
        ------
        UsageError
            It is missing, or is not what was committed.
        """
        from hdfs_jobs.datasets.verify import verify_file

        summary = self.manifest(number).summary()
        for problem in verify_file(self.storage, f"{self.path}/{summary.file}", summary):
            raise UsageError(
                f"{self.storage.url}/{problem.path}: {problem.what}; restore the file, or delete "
                f"{self._manifests.folder}/{summary.manifest_name} to make the shard again"
            )

    def read_rows(
        self, ranges: Sequence[RowRange], columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Read ranges of rows into one table, loading only the row groups that they touch."""
        from hdfs_jobs.datasets.parquet import read_ranges

        wanted = {part.shard for part in ranges}
        paths = {number: f"{self.path}/{self.manifest(number).file}" for number in wanted}
        return read_ranges(self.storage, paths, ranges, columns)

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[tuple[int, pa.Table]]:
        """Yield number and rows of each committed shard, one in memory at a time."""
        from hdfs_jobs.datasets.parquet import read_table

        for summary in self.summaries():
            path = f"{self.path}/{summary.file}"
            yield summary.shard, read_table(self.storage, path, columns)

    def verify(self) -> Iterator[Problem]:
        """Read again everything that is committed and yield what is wrong with it."""
        from hdfs_jobs.datasets.verify import verify_dataset

        return verify_dataset(self.storage, self.path)

    def _name_of(self, number: int) -> str:
        """Return a manifest's name, listing anew only for a shard not seen: names never change."""
        if number not in self._names:
            self._names = self._manifests.names()
        return self._names[number]

    def _settle_settings(self) -> None:
        path = f"{self.path}/settings.json"
        if not self.storage.publish(path, canonical_json(self.settings)):
            read_settings(self.storage, self.name, self.digest)


def describe(facts: Mapping[str, str]) -> str:
    """Return facts as one line."""
    return ", ".join(f"{name} {value}" for name, value in sorted(facts.items())) or "nothing"


def read_settings(storage: Storage, name: str, digest: str) -> dict[str, Json]:
    """Read the settings of a dataset.

    Raises
    ------
    UsageError
        They are not those that its digest was made from.
    FileNotFoundError
        There is no such dataset.
    """
    path = f"{name}/{digest}/settings.json"
    settings = parse_object(storage.read_bytes(path), f"{storage.url}/{path}")
    if digest_of({"name": name, "settings": settings}) != digest:
        raise UsageError(f"{storage.url}/{path}: the settings were altered; restore the file")
    return settings
