"""Machines whose clocks are hours or years apart do the same work, and hold to the same lease."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import InfrastructureError
from hdfs_jobs.runs.lease import acquire
from hdfs_jobs.runs.worker import do_shard
from tests.components.needs import need
from tests.hdfs_jobs.builders import data_of, job_of, lasting, planned, wrong
from tests.hdfs_jobs.job_stages import Plain

ROOT = Path(__file__).parents[3]
SECONDS = 2.0
WORK = (
    "import pickle, sys; from hdfs_jobs.runs.worker import do_shard; "
    "do_shard(pickle.loads(sys.stdin.buffer.read()), 1)"
)
HOLD = (
    "import sys, time; from hdfs_jobs.runs.lease import acquire; "
    "from hdfs_jobs.storage.local import LocalStorage; "
    f"lease = acquire(LocalStorage(sys.argv[1]), 'a run', seconds={SECONDS}); "
    "print(lease.holder.started, flush=True); sys.stdin.read()"
)
COLLECT = (
    "import sys; from hdfs_jobs.runs.gc import collect_garbage; "
    "from hdfs_jobs.datasets.store import Store; "
    "print(len(collect_garbage(Store.open(sys.argv[1]))))"
)


def under(clock: str, code: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start Python under another clock; the times of files stay those of the file system."""
    need("faketime")
    return subprocess.Popen(
        ["faketime", "-f", clock, sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "NO_FAKE_STAT": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"},
    )


@pytest.mark.parametrize("clock", ["+9h", "-400d"])
def test_a_worker_of_another_time_makes_the_same_shard(
    tmp_path: Path, store: Store, clock: str
) -> None:
    items = [wrong("a"), wrong("b", "bad")]
    whole = planned(Store.open(str(tmp_path / "whole"), create=True), items)
    do_shard(job_of(whole, Plain()), 1)
    dataset = planned(store, items)
    worker = under(clock, WORK)
    worker.communicate(pickle.dumps(job_of(dataset, Plain())), timeout=60)
    assert worker.returncode == 0
    assert lasting(dataset.manifest(0)) == lasting(whole.manifest(0))
    assert data_of(dataset, 0) == data_of(whole, 0)
    assert dataset.manifest(0).finished_at[:13] != whole.manifest(0).finished_at[:13]
    assert list(dataset.verify()) == []


@pytest.mark.parametrize("clock", ["+9h", "-9h"])
def test_a_holder_of_another_time_is_alive_as_long_as_it_lives(store: Store, clock: str) -> None:
    holder = under(clock, HOLD, store.url)
    assert holder.stdout is not None
    try:
        started = holder.stdout.readline().decode().strip()
        assert started[:13] != time.strftime("%Y-%m-%dT%H", time.gmtime())
        with pytest.raises(InfrastructureError, match=f"since {started}"):
            acquire(store.storage, "another")
    finally:
        holder.kill()
        holder.communicate()
    since = time.monotonic()
    lease = acquire(store.storage, "another", seconds=SECONDS)
    assert lease is not None
    assert SECONDS <= time.monotonic() - since < 4 * SECONDS
    lease.release()


def test_garbage_is_as_old_as_the_storage_says(store: Store) -> None:
    dataset = planned(store, [wrong("a")])
    attempt = f"{dataset.path}/00000000-{'0' * 32}.parquet"
    store.storage.publish(attempt, b"just written")
    collector = under("+30d", COLLECT, store.url)
    told, _ = collector.communicate(timeout=60)
    assert told.decode().strip() == "0"
    assert store.storage.exists(attempt)
