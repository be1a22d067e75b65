"""Stages that the tests run on real workers; the workers import this module by its name."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.errors import BadInput
from hdfs_jobs.runs.stage import Counted, Rejected, Task
from hdfs_jobs.storage.base import Entry
from hdfs_jobs.storage.local import LocalStorage
from tests.waiting import until

SCHEMA = pa.schema([("key", pa.string()), ("row", pa.int32()), ("value", pa.int64())])


def rows_of(key: str, values: list[int]) -> pa.RecordBatch:
    """Return one batch of `SCHEMA`."""
    return pa.record_batch([[key] * len(values), list(range(len(values))), values], schema=SCHEMA)


@dataclass(frozen=True)
class Plain:
    """Rows made from nothing but the item: `extra` says how many, and what goes wrong.

    A trap is sprung once for each name of a file in `traps`, which the first to come makes.
    """

    name: str = "plain"
    row_group_rows: int = 4
    rows: int = 5
    batch_rows: int = 2
    traps: str = ""

    @property
    def schema(self) -> pa.Schema:
        return SCHEMA

    def seconds(self, batch: pa.RecordBatch) -> float:
        return batch.num_rows * 0.5

    def facts(self, threads: int) -> dict[str, str]:
        return {"engine": "plain", "precision": "exact"}

    def process(
        self, item: Item, source: BinaryIO | pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch | Rejected | Counted]:
        for start in range(0, self.rows, self.batch_rows):
            count = min(self.batch_rows, self.rows - start)
            yield rows_of(item.key, [start + i for i in range(count)])
            if start:
                self._go_wrong(item, task)
        yield Counted("batches", -(-self.rows // self.batch_rows))

    def _go_wrong(self, item: Item, task: Task) -> None:
        match item.extra.get("wrong"):
            case "bad":
                raise BadInput("odd", f"{item.title} is\nodd")
            case "bug":
                raise ZeroDivisionError("a bug")
            case "bug once" if self._first(item):
                raise ZeroDivisionError("a bug that goes away")
            case "bug until go" if not (Path(self.traps) / "go").exists():
                raise ZeroDivisionError("a bug that is mended one day")
            case "io until go" if not (Path(self.traps) / "go").exists():
                raise OSError(5, "the disk is on fire")
            case "io once" if self._first(item):
                raise OSError(5, "the disk blinked")
            case "hoard":
                hoard = []
                while True:
                    hoard.append(bytearray(os.urandom(1 << 20)) * 32)
                    time.sleep(0.02)  # the nanny looks now and then how much it takes
            case "hang":
                time.sleep(3600)  # far beyond any time limit
            case "hang, interpreter locked":
                re.match(r"(a|aa)+$", "a" * 200 + "b")
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "die once" if self._first(item):
                os.kill(os.getpid(), signal.SIGKILL)
            case "slow but alive":
                for _ in range(8):
                    time.sleep(0.25)  # work between two signs of life
                    task.heartbeat()
            case "wait":
                self._first(item)
                until((Path(self.traps) / "go").exists, seconds=600.0)

    def _first(self, item: Item) -> bool:
        try:
            (Path(self.traps) / f"seen-{item.key}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


@dataclass(frozen=True)
class Bytes:
    """One row for each byte of the item's file; a byte of 255 is rejected."""

    name: str = "bytes"
    row_group_rows: int = 16

    @property
    def schema(self) -> pa.Schema:
        return SCHEMA

    def seconds(self, batch: pa.RecordBatch) -> float:
        return float(batch.num_rows)

    def facts(self, threads: int) -> dict[str, str]:
        return {}

    def process(
        self, item: Item, source: BinaryIO | pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch | Rejected | Counted]:
        assert not isinstance(source, pa.Table)
        end = source.seek(0, os.SEEK_END)
        if not end:
            raise BadInput("empty", "no byte")
        source.seek(0)
        content = source.read()
        for place, value in enumerate(content):
            if value == 255:
                yield Rejected(f"{item.key}:{place}", item.title, "too-high", f"byte {place}")
        yield rows_of(item.key, [value for value in content if value != 255])
        yield Counted("bytes", end)


@dataclass(frozen=True)
class Sums:
    """One row an item: the sum of its upstream rows, and the threads it was given."""

    name: str = "sums"
    row_group_rows: int = 2

    @property
    def schema(self) -> pa.Schema:
        return SCHEMA

    def seconds(self, batch: pa.RecordBatch) -> float:
        return 1.0

    def facts(self, threads: int) -> dict[str, str]:
        return {}

    def process(
        self, item: Item, source: BinaryIO | pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch | Rejected | Counted]:
        assert isinstance(source, pa.Table)
        yield Counted("threads", task.threads)
        yield rows_of(item.key, [sum(source["value"].to_pylist())])


@dataclass(frozen=True)
class Saving(Plain):
    """Keeps a partial result, dies, and goes on from it."""

    def process(
        self, item: Item, source: BinaryIO | pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch | Rejected | Counted]:
        kept = task.partial.load("half")
        if kept is None:
            task.partial.save("half", b"21")
            os.kill(os.getpid(), signal.SIGKILL)
            return
        yield rows_of(item.key, [2 * int(kept)])


@dataclass(frozen=True)
class Growing(Plain):
    """Gets one step further in each process, up to a step that it cannot take."""

    steps: int = 6
    deadly: int = 7

    def process(
        self, item: Item, source: BinaryIO | pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch | Rejected | Counted]:
        done = task.partial.load("steps") or b""
        if len(done) < self.steps:
            if len(done) + 1 < self.deadly:
                task.partial.save("steps", done + b"s")
            os.kill(os.getpid(), signal.SIGKILL)
        yield rows_of(item.key, [len(done)])


class ChokingStorage(LocalStorage):
    """Is out of memory once, when the first row group goes to a data file."""

    choked = False

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        with super().create(path) as stream:
            yield (
                stream
                if not path.endswith(".parquet")
                else cast("BinaryIO", _Choking(self, stream))
            )


class _Choking:
    def __init__(self, storage: ChokingStorage, stream: BinaryIO) -> None:
        self._storage = storage
        self._stream = stream

    def write(self, data: bytes) -> int:
        if self._stream.tell() and not self._storage.choked:
            self._storage.choked = True
            raise MemoryError("no memory for a row group")
        return self._stream.write(data)


class MeanwhileStorage(LocalStorage):
    """Has something else happen once, right after the first folder was listed."""

    def __init__(self, root: str, meanwhile: Callable[[], object]) -> None:
        super().__init__(root)
        self._meanwhile: Callable[[], object] | None = meanwhile

    def list(self, path: str = "", *, temporary: bool = False) -> Iterator[Entry]:
        found = [*super().list(path, temporary=temporary)]
        happens, self._meanwhile = self._meanwhile, None
        if happens is not None:
            happens()
        return iter(found)
