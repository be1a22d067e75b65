"""What a stage is: the work done to one item, without storage and without Dask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.storage.base import Storage

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Rejected:
    """One row of an item is bad and is quarantined; the rest of the item goes on.

    `row` is the place in the item's input of what the row was to be made from; without it the row
    cannot be tried again.
    """

    key: str
    title: str
    reason: str
    detail: str
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """Something worth a number in the manifest, summed over the shard."""

    name: str
    n: int


@dataclass(frozen=True, slots=True)
class Noted:
    """A sentence about an item that people should know although its rows are good."""

    text: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """What the item gave so far is void: the stage begins it again, in another way."""


class Partial:
    """Results of a shard that is not committed yet, kept for the next attempt at it.

    They are deleted after the shard's commit. The next attempt may run on another machine. An item
    that takes long should see that they grow: after two processes died at it, and they did not
    grow in between, the item is quarantined.

    Parameters
    ----------
    storage : Storage
        Where they are kept.
    folder : str
        The shard's own folder there.

    Attributes
    ----------
    is_used : bool
        Whether anything was kept by this object.
    """

    def __init__(self, storage: Storage, folder: str) -> None:
        self._storage = storage
        self._folder = folder
        self.is_used = False

    def save(self, name: str, data: bytes) -> None:
        """Keep bytes under a name, in place of what was kept under it."""
        self.is_used = True
        self._storage.replace(f"{self._folder}/{name}", data)

    def load(self, name: str) -> bytes | None:
        """Return what was kept under a name; None if nothing was."""
        try:
            return self._storage.read_bytes(f"{self._folder}/{name}")
        except FileNotFoundError:
            return None


def _nothing() -> None:
    """Stand in for the heartbeat where no time limit runs."""


@dataclass(frozen=True)
class Task:
    """What a stage is given beside its input.

    Attributes
    ----------
    threads : int
        Threads to use: the cores of the machine over the workers on it.
    partial : Partial
        Where to keep partial results.
    heartbeat : callable
        Starts the item's time limit anew; for a stage that can show progress inside an item.
    """

    threads: int
    partial: Partial
    heartbeat: Callable[[], None] = _nothing


class Stage(Protocol):
    """The work of one dataset, item by item.

    An instance is pickled to the workers and kept there from shard to shard, so it holds settings
    only and loads heavy things on first use. A worker with several threads shares it among them.

    `process` raises `BadInput` to have the whole item quarantined. An OSError is the
    infrastructure's: the shard is tried again, and at last the run ends with exit code 75. Any
    other exception is tried again as well, and at last the item is quarantined as ``error``.
    An item that fails leaves none of its rows, however many batches it had yielded.
    """

    @property
    def name(self) -> str:
        """The dataset it writes."""
        ...

    @property
    def schema(self) -> pa.Schema:
        """The schema of every batch it yields."""
        ...

    @property
    def row_group_rows(self) -> int:
        """Rows a row group: what a reader of a few rows has to load at once."""
        ...

    def process(
        self, item: Item, source: BinaryIO | pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch | Rejected | Counted | Noted | Restarted]:
        """Yield the rows of one item.

        Parameters
        ----------
        item : Item
            What to do.
        source : binary stream or pyarrow.Table
            A seekable stream when the item has a URL, else the table of its upstream rows, in
            the order of its ranges; an item with neither gets an empty table.
        task : Task
            Threads, partial results, heartbeat.
        """
        ...

    def seconds(self, batch: pa.RecordBatch) -> float:
        """Return the seconds in a batch: what progress is measured in, beside rows."""
        ...

    def facts(self, threads: int) -> dict[str, str]:
        """Return what this worker works with: engine, precision, instruction set, versions.

        It is asked before any item is processed, with the threads that `Task` will name, for a
        stage that has to load what it works with to know it.
        """
        ...
