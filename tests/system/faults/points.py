"""A storage whose steps have names, and at one of them its process is killed, stopped or hangs."""

from __future__ import annotations

import io
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.stage import Counted, Rejected, Task
from hdfs_jobs.runs.worker import do_shard
from hdfs_jobs.storage.base import Entry, RenamingStorage, Storage
from hdfs_jobs.storage.local import LocalStorage
from tests.hdfs_jobs.builders import SETTINGS, job_of, planned, three_a_shard
from tests.hdfs_jobs.job_stages import Plain

_KINDS = {
    r".*/\.attempts/begin-.*": "mark of the attempt",
    r".*/\.attempts/item-.*": "mark of an item",
    r"runs/partial/[^/]+/[^/]+/[^/]+": "partial results",
    r"runs/partial/.*": "partial result",
    r"runs/plans/.*": "plan",
    r"runs/drain/.*": "drain",
    r".*\.parquet": "data file",
    r"quarantine/.*": "quarantine file",
    r".*/manifests/.*": "manifest",
    r".*/index\.jsonl\.gz": "index",
    r".*/settings\.json": "settings",
    r".*/latest\.json": "pointer",
    r"runs/lease/holder\.json": "lease",
    r"runs/lease/\.tmp-[0-9a-f]{32}-\d": "dead lease",
    r"runs/lease/.*\.beat": "heartbeat",
}


def kind_of(path: str) -> str:
    """Say what a file of a store is."""
    return next((kind for form, kind in _KINDS.items() if re.fullmatch(form, path)), "other file")


def fail_here(once: str = "", fault: str = "die") -> None:
    """Kill this process as ``kill -9`` does; with the path of a trap, the first time only.

    Other deeds are to ``stop``, until somebody sends SIGCONT, and to ``hang``.
    """
    if once:
        try:
            Path(once).touch(exist_ok=False)
        except FileExistsError:
            return
    if fault == "hang":
        time.sleep(3600)  # far beyond any time limit
    os.kill(os.getpid(), signal.SIGSTOP if fault == "stop" else signal.SIGKILL)


class FaultyStorage(RenamingStorage):
    """Another storage, and a point at which the process ends.

    Parameters
    ----------
    inner : Storage
        What does the work.
    point : str
        Where to die: one of `steps` after a run without.
    folder : str
        Where traps lie, for a point to be deadly once for each shard; empty for always.
    points : mapping of str to str
        The point for paths that hold a string, such as the number of a shard.
    fault : str
        What happens there: see `fail_here`.
    """

    def __init__(
        self,
        inner: Storage,
        point: str = "",
        folder: str = "",
        points: dict[str, str] | None = None,
        fault: str = "die",
    ) -> None:
        self.inner = inner
        self.url = inner.url
        self.steps: list[str] = []
        self._point = point
        self._points = points or {}
        self._folder = folder
        self._deed = fault
        self._seen: Counter[str] = Counter()

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "steps": [], "_seen": Counter()}

    def _reach(self, path: str, phase: str) -> None:
        step = f"{kind_of(path)}: {phase}"
        self._seen[step] += 1
        if self._seen[step] > 1:
            step += f" ({self._seen[step]})"
        self.steps.append(step)
        if step == self._point:
            fail_here(fault=self._deed)
        for part, point in self._points.items():
            if part in path and step.partition(" (")[0] == point:
                fail_here(f"{self._folder}/{part}")

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        self._reach(path, "not yet begun")
        with self.inner.create(path) as stream:
            self._reach(path, "temporary file open")
            halves = _Halves(stream, lambda: self._reach(path, "half written"))
            yield cast("BinaryIO", halves)
            self._reach(path, "whole under its temporary name")
        self._reach(path, "under its own name")

    def replace(self, path: str, data: bytes) -> None:
        self._reach(path, "not yet replaced")
        self.inner.replace(path, data)
        self._reach(path, "replaced")

    def open(self, path: str) -> BinaryIO:
        self._reach(path, "not yet read back")
        return self.inner.open(path)

    def delete(self, path: str, *, recursive: bool = False) -> None:
        self._reach(path, "not yet removed")
        self.inner.delete(path, recursive=recursive)
        self._reach(path, "removed")

    def _rename(self, source: str, target: str) -> None:
        self._reach(target, "not yet renamed")
        cast("RenamingStorage", self.inner)._rename(source, target)
        self._reach(target, "renamed")

    def parent(self) -> Storage | None:
        return self.inner.parent()

    def list(self, path: str = "", *, temporary: bool = False) -> Iterator[Entry]:
        return self.inner.list(path, temporary=temporary)

    def stat(self, path: str) -> Entry:
        return self.inner.stat(path)


class _Halves(io.RawIOBase):
    """Stops in the middle of its first long write."""

    def __init__(self, stream: BinaryIO, in_the_middle: object) -> None:
        self._stream = stream
        self._in_the_middle = in_the_middle

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._stream.tell()

    def flush(self) -> None:
        if not self._stream.closed:
            self._stream.flush()

    def write(self, data: object) -> int:
        content = bytes(cast("bytes", data))
        if callable(self._in_the_middle) and len(content) > 16:
            middle, self._in_the_middle = self._in_the_middle, None
            half = len(content) // 2
            self._stream.write(content[:half])
            self._stream.flush()
            middle()
            self._stream.write(content[half:])
        else:
            self._stream.write(content)
        return len(content)


@dataclass(frozen=True)
class FaultyStage(Plain):
    """Dies where an item begins, or where all its rows are held and none is written."""

    def process(
        self, item: Item, source: BinaryIO | pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch | Rejected | Counted]:
        point = item.extra.get("dies")
        if point == "item: begun":
            fail_here(f"{self.traps}/{item.key}")
        yield from super().process(item, source, task)
        if point == "item: rows held, none written":
            fail_here(f"{self.traps}/{item.key}")


def steps_of_a_shard(root: Path, traps: Path) -> list[str]:
    """Every step of an uninterrupted shard, by name and in order."""
    store = Store.open(str(root), create=True)
    (shard,) = planned(store, three_a_shard(1), 3).shards()
    storage = FaultyStorage(LocalStorage(store.url))
    dataset = Dataset(storage, "plain", SETTINGS)
    do_shard(job_of(dataset, FaultyStage(traps=str(traps)), shard=shard), 1)
    return storage.steps
