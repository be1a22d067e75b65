"""A storage that takes no more: the shard fails whole, and no item is to blame."""

from __future__ import annotations

import resource

import pytest

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.worker import do_shard
from tests.hdfs_jobs.builders import SETTINGS, job_of, planned, wrong
from tests.hdfs_jobs.job_stages import ChokingStorage, Plain


def test_a_full_disk_fails_the_shard_and_leaves_no_trace(store: Store) -> None:
    dataset = planned(store, [wrong("a")])
    job = job_of(dataset, Plain(rows=4000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            do_shard(job, threads=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [entry.name for entry in store.storage.list(dataset.path, temporary=True)] == [
        "settings.json"
    ]
    assert do_shard(job, threads=1).summary.rows == 4000


def test_a_shard_that_cannot_be_written_is_no_fault_of_its_item(store: Store) -> None:
    planned(store, [wrong("a"), wrong("b")])
    dataset = Dataset(ChokingStorage(store.url), "plain", SETTINGS)
    job = job_of(dataset, Plain(row_group_rows=2), last=True)
    with pytest.raises(OSError, match="could not be written: no memory"):
        do_shard(job, threads=1)
    assert len(dataset.pending()) == 1
    do_shard(job, threads=1)
    assert dataset.read(0)["key"].to_pylist() == ["a"] * 5 + ["b"] * 5
    assert dataset.manifest(0).quarantined == ()
