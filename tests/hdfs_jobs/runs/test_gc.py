"""Garbage is collected while an attempt is at work: it must never lose a file to that."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.gc import DAY, collect_garbage
from hdfs_jobs.runs.worker import do_shard
from tests.hdfs_jobs.builders import SETTINGS, begun, ended, job_of, planned, three_a_shard
from tests.system.faults.points import FaultyStage, FaultyStorage, steps_of_a_shard
from tests.waiting import until


def test_an_attempt_at_work_keeps_its_files_at_every_step(
    tmp_path: Path, store: Store, traps: Path
) -> None:
    points = steps_of_a_shard(tmp_path / "traced", traps)
    dataset = planned(store, three_a_shard(len(points)), 3)
    stage = FaultyStage(traps=str(traps))
    for shard, point in zip(dataset.shards(), points, strict=True):
        stopping = Dataset(FaultyStorage(store.storage, point, fault="stop"), "plain", SETTINGS)
        process = begun(do_shard, job_of(stopping, stage, shard=shard), 1)
        assert process.pid is not None
        stopped = psutil.Process(process.pid)
        until(lambda stopped=stopped: stopped.status() == psutil.STATUS_STOPPED)
        try:
            collect_garbage(store, older_than=-1)
        finally:
            os.kill(process.pid, signal.SIGCONT)
        process.join(30)
        assert process.exitcode == 0, point
        assert dataset.find(shard) is not None, point
    assert list(dataset.verify()) == []
    collect_garbage(store, older_than=-1)
    assert not [e for e in store.storage.walk(temporary=True) if ".tmp-" in e.path]


def test_what_a_killed_attempt_left_goes_when_its_mark_is_a_day_old(
    store: Store, traps: Path
) -> None:
    dataset = planned(store, three_a_shard(1), 3)
    deadly = FaultyStorage(store.storage, "data file: under its own name")
    job = job_of(Dataset(deadly, "plain", SETTINGS), FaultyStage(traps=str(traps)))
    assert ended(do_shard, job, 1) == -signal.SIGKILL
    assert collect_garbage(store, older_than=-1) == []
    long_ago = time.time() - 2 * DAY
    for entry in store.storage.walk():
        os.utime(f"{store.url}/{entry.path}", (long_ago, long_ago))
    (garbage,) = collect_garbage(store)
    assert garbage.path.endswith(".parquet")
    assert do_shard(job_of(dataset, FaultyStage(traps=str(traps))), 1) is not None
    assert list(dataset.verify()) == []
