"""Workers that run out of memory: the item that does it is set aside, the rest goes on."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.job import ShardJob
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.runner import run_stage
from hdfs_jobs.runs.worker import do_shard
from tests.components.daskcluster import dask_servers
from tests.hdfs_jobs.builders import ended, job_of, planned, wrong
from tests.hdfs_jobs.job_stages import Plain


def test_a_worker_over_its_memory_limit_is_killed_and_the_item_blamed(
    store: Store, tmp_path: Path
) -> None:
    dataset = planned(store, [wrong("a"), wrong("b", "hoard"), wrong("c"), wrong("d")], 2)
    with dask_servers(tmp_path) as servers:
        servers.start_worker(flags=("--memory-limit", "700MiB"))
        with Cluster(servers.address) as cluster:
            outcome = run_stage(
                dataset, Plain(), cluster=cluster, options=RunOptions(backoff=0.01, time_limit=60.0)
            )
    assert (outcome.committed, outcome.quarantined) == (2, 1)
    (entry,) = dataset.manifest(0).quarantined
    assert (entry.key, entry.reason) == ("b", "crash")
    kept = {key for _, table in dataset.tables(["key"]) for key in table["key"].to_pylist()}
    assert kept == {"a", "c", "d"}


def within_memory(job: ShardJob, megabytes: int) -> None:
    """Do a shard with no more address space than so much above what is taken already."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + (megabytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    do_shard(job, 1)


def test_an_item_that_asks_for_too_much_is_tried_again_and_set_aside_at_last(store: Store) -> None:
    dataset = planned(store, [wrong("a"), wrong("b", "hoard"), wrong("c")])
    assert ended(within_memory, job_of(dataset, Plain()), 600) == 1
    assert dataset.committed() == {}
    assert ended(within_memory, job_of(dataset, Plain(), last=True), 600) == 0
    (entry,) = dataset.manifest(0).quarantined
    assert (entry.key, entry.reason, entry.error) == ("b", "memory", "MemoryError")
    assert dataset.read(0)["key"].to_pylist() == ["a"] * 5 + ["c"] * 5
