"""A small job on a storage, something that happens in its middle, and logins of their own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import pyarrow as pa

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.runner import run_stage
from hdfs_jobs.runs.stage import Counted, Rejected, Task
from hdfs_jobs.storage.open import open_storage
from tests.hdfs_jobs.job_stages import Bytes
from tests.waiting import until

SHARDS = 8

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Held(Bytes):
    """Begins an item, says so by a file, and goes on when there is a file ``go``."""

    traps: str = ""

    def process(
        self, item: Item, source: BinaryIO | pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch | Rejected | Counted]:
        (Path(self.traps) / f"begun-{item.key}").touch()
        until((Path(self.traps) / "go").exists, seconds=600.0)
        yield from super().process(item, source, task)


def planned(url: str) -> Dataset:
    """A job whose inputs are files of the store itself."""
    store = Store.open(url, create=True)
    items = []
    for number in range(2 * SHARDS):
        content = bytes((number * place) % 255 for place in range(50 + number))
        store.storage.publish(f"raw/{number}", content)
        items.append(Item(f"k{number}", f"title {number}", f"raw/{number}"))
    dataset = store.dataset("bytes", {})
    dataset.plan(items, 2)
    return dataset


def hashes(dataset: Dataset) -> list[str]:
    """The SHA-256 of each committed shard's data file; what is there but not whole fails."""
    assert list(dataset.verify()) == []
    return [summary.sha256 for summary in dataset.summaries()]


def whole_job(url: str) -> list[str]:
    """Do the job from beginning to end, with a worker of its own."""
    dataset = planned(url)
    with Cluster(workers=1) as cluster:
        run_stage(dataset, Bytes(), cluster=cluster, options=RunOptions(retries=0))
    return hashes(dataset)


def with_an_event(
    dataset: Dataset,
    cluster: Cluster,
    traps: Path,
    event: Callable[[], object],
    afterwards: Callable[[], object] | None = None,
    **options: Any,
) -> None:
    """Run the job; once it is at work, have something happen, and only then let it go on.

    What happens afterwards happens while it goes on, a second later.
    """
    stage = Held(traps=str(traps))
    cluster.client()  # by the thread that closes it
    with ThreadPoolExecutor(1) as pool:
        chosen = RunOptions(**options)
        running = pool.submit(run_stage, dataset, stage, cluster=cluster, options=chosen)
        until(lambda: list(traps.glob("begun-*")) or running.done())
        try:
            event()
        finally:
            (traps / "go").touch()
        if afterwards:
            time.sleep(1)  # the job goes on meanwhile, as it says
            afterwards()
        running.result()


LEFT = {"a/first", "a/second"}
"""What `exchange` leaves, in a folder that was empty."""


def exchange(url: str) -> set[str]:
    """Write, swap, replace, read and delete; return what is left."""
    storage = open_storage(url)
    content = bytes(range(256)) * 4096
    with storage.create("a/first") as stream:
        stream.write(content)
    assert not storage.publish("a/first", b"too late")
    assert storage.replace_if("a/second", None, content)
    storage.replace("state", b"old")
    storage.replace("state", b"new")
    with storage.open("a/second") as stream:
        stream.seek(1000)
        assert stream.read() == content[1000:]
    assert storage.read_bytes("state") == b"new"
    storage.delete("state")
    return {entry.path for entry in storage.walk(temporary=True)}


def elsewhere(
    variables: Mapping[str, str], function: Callable[..., _Result], *arguments: object
) -> _Result:
    """Call a function in a process that has these variables; what it raises is raised here."""
    with ProcessPoolExecutor(
        1,
        mp_context=get_context("spawn"),
        initializer=_set_variables,
        initargs=(dict(variables),),
    ) as pool:
        return pool.submit(function, *arguments).result()


def _set_variables(variables: Mapping[str, str]) -> None:
    os.environ.update(variables)
