"""One shard at a time, done in this process or in one that may die of it."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Callable, Mapping
from dataclasses import fields
from multiprocessing.process import BaseProcess

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.manifest import Manifest
from hdfs_jobs.datasets.plan import Item, Shard
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.job import STALL_SECONDS
from hdfs_jobs.runs.stage import Stage
from hdfs_jobs.runs.worker import ShardJob, do_shard
from hdfs_jobs.storage.base import Storage

SETTINGS = {"kind": "test"}
PRELOADED = [
    *("hdfs_jobs.runs.worker", "tests.hdfs_jobs.job_stages"),
    *("tests.system.faults.points", "tests.system.s3.whole_job"),
]


def wrong(key: str, what: str = "") -> Item:
    return Item(key, f"title of {key}", extra={"wrong": what} if what else {})


def three_a_shard(shards: int, dies: dict[int, str] | None = None) -> list[Item]:
    """Three items a shard, of which one is bad; one may be deadly at a point of its own."""
    made = []
    for n in range(shards):
        for place, what in enumerate(("", "bad", "")):
            extra = {"wrong": what} if what else {}
            if place == 2 and dies and n in dies:
                extra["dies"] = dies[n]
            made.append(Item(f"{n}-{place}", f"title of {n}-{place}", extra=extra))
    return made


def planned(store: Store, items: list[Item], per_shard: int | None = None) -> Dataset:
    dataset = store.dataset("plain", SETTINGS)
    dataset.plan(items, per_shard or len(items))
    return dataset


def job_of(
    dataset: Dataset,
    stage: Stage,
    *,
    shard: Shard | None = None,
    upstream: Dataset | None = None,
    require: Mapping[str, str] | None = None,
    time_limit: float | None = None,
    last: bool = False,
    stall: float = STALL_SECONDS,
) -> ShardJob:
    """Return the job of a shard, or of the first that is pending."""
    return ShardJob(
        dataset=dataset,
        shard=shard or next(iter(dataset.pending())),
        stage=pickle.dumps(stage),
        upstream=upstream.storage if upstream else None,
        upstream_files=upstream.data_paths() if upstream else {},
        require=require or {},
        time_limit=time_limit,
        last=last,
        drain="runs/drain/test",
        slots={},
        stall=stall,
    )


def begun(target: Callable[..., object], *arguments: object) -> BaseProcess:
    """Start a process that calls a function."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=target, args=arguments)
    process.start()
    return process


def ended(target: Callable[..., object], *arguments: object) -> int | None:
    """Call a function in a process of its own; return how that ended."""
    process = begun(target, *arguments)
    process.join(60)
    return process.exitcode


def in_a_process(job: ShardJob) -> int | None:
    """Do a shard in a process of its own; return how that ended."""
    return ended(do_shard, job, 1)


def lasting(manifest: Manifest) -> dict[str, object]:
    """What must be the same whoever did the shard, and whenever."""
    content = {field.name: getattr(manifest, field.name) for field in fields(manifest)}
    for name in ("attempt", "file", "wall_seconds", "finished_at"):
        del content[name]
    return content


def data_of(dataset: Dataset, number: int) -> bytes:
    return dataset.storage.read_bytes(f"{dataset.path}/{dataset.manifest(number).file}")


def kinds_of_files(storage: Storage) -> list[str]:
    """Names of all files, without what differs from attempt to attempt."""
    paths = [entry.path for entry in storage.walk(temporary=True)]
    return sorted(path.split("-")[0] if ".json" not in path[-5:] else path for path in paths)
