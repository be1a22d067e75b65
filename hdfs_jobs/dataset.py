"""A dataset: planned shards, and the manifests that say which of them exist."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hdfs_jobs.backend import Storage
from hdfs_jobs.canonical import Json
from hdfs_jobs.manifest import Manifest, Summary
from hdfs_jobs.plan import Item, RowRange, Shard

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Problem:
    """Something `Dataset.verify` found wrong: a file, and what is the matter with it."""

    path: str
    what: str


@dataclass(frozen=True, slots=True)
class Totals:
    """A dataset in numbers: what `status` shows."""

    shards: int
    committed: int
    items: int
    rows: int
    seconds: float
    quarantined: int
    bytes: int
    wall_seconds: float


class Shards(Collection[Shard]):
    """Planned shards, read from the plan files each time they are iterated over.

    ``len()`` is cheap; the items are never all in memory.
    """

    def items(self) -> int: ...


class Dataset:
    """<name>/<digest of the settings that change its bytes>/ of a store. Made by `Store.dataset`; making one writes nothing."""

    storage: Storage
    name: str
    digest: str
    settings: Mapping[str, Json]
    path: str

    def plan(self, items: Iterable[Item], per_shard: int, *, dry_run: bool = False) -> Shards:
        """Append the items not planned yet as new shards and return those; writes nothing in a dry run. Marks the dataset as the latest of its name."""
        ...

    def shards(self) -> Shards: ...

    def pending(self) -> Shards: ...

    def committed(self) -> dict[int, str]:
        """Shard number → manifest name, by listing names only."""
        ...

    def summaries(self) -> Iterator[Summary]:
        """One per committed shard, by number, from the index; sha256 + row number is a row's content identity, no data file is opened."""
        ...

    def totals(self) -> Totals: ...

    def manifest(self, number: int) -> Manifest: ...

    def manifests(self) -> Iterator[Manifest]: ...

    def read(self, number: int, columns: Sequence[str] | None = None) -> pa.Table: ...

    def read_rows(
        self, ranges: Sequence[RowRange], columns: Sequence[str] | None = None
    ) -> pa.Table: ...

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[tuple[int, pa.Table]]: ...

    def verify(self) -> Iterator[Problem]: ...
