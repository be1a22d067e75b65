"""Faults of a whole run: the scheduler dies, storage never answers, a stretch of input is gone."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import InfrastructureError
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.runner import run_stage
from hdfs_jobs.runs.time_limit import TIMED_OUT
from hdfs_jobs.runs.worker import do_shard
from tests.components.daskcluster import dask_servers
from tests.hdfs_jobs.builders import SETTINGS, data_of, in_a_process, job_of, planned, wrong
from tests.hdfs_jobs.job_stages import Plain
from tests.system.faults.points import FaultyStorage
from tests.waiting import until


def test_a_killed_scheduler_ends_the_run_and_the_next_makes_the_same_bytes(
    tmp_path: Path, store: Store, traps: Path
) -> None:
    items = [wrong("a"), wrong("b", "bad"), wrong("c", "wait"), wrong("d")]
    dataset = planned(store, items, 1)
    stage = Plain(traps=str(traps))
    with dask_servers(tmp_path) as servers:
        servers.start_worker()

        def kill_when_it_works() -> None:
            until((traps / "seen-c").exists)
            servers.scheduler.kill()

        killer = threading.Thread(target=kill_when_it_works)
        killer.start()
        with (
            Cluster(servers.address) as cluster,
            pytest.raises(InfrastructureError) as failed,
        ):
            run_stage(dataset, stage, cluster=cluster, options=RunOptions(patience=2.0, retries=0))
        killer.join()
        assert failed.value.exit_code == 75
        assert "\n" not in str(failed.value)
        assert 2 not in dataset.committed()
        (traps / "go").touch()
        servers.scheduler = servers.start_scheduler()
        servers.start_worker()
        with Cluster(servers.address) as cluster:
            run_stage(dataset, stage, cluster=cluster, options=RunOptions(backoff=0.01))
    whole = planned(Store.open(str(tmp_path / "whole"), create=True), items, 1)
    for shard in whole.pending():
        do_shard(job_of(whole, stage, shard=shard), 1)
    assert [data_of(dataset, n) for n in range(4)] == [data_of(whole, n) for n in range(4)]
    assert [s.sha256 for s in dataset.summaries()] == [s.sha256 for s in whole.summaries()]
    assert list(dataset.verify()) == []


@pytest.mark.parametrize(
    "point", ["data file: not yet read back", "manifest: whole under its temporary name"]
)
def test_a_storage_that_never_answers_ends_the_process_and_blames_nobody(
    store: Store, point: str
) -> None:
    dataset = planned(store, [wrong("a"), wrong("b")])
    hanging = Dataset(FaultyStorage(store.storage, point, fault="hang"), "plain", SETTINGS)
    job = job_of(hanging, Plain(), time_limit=0.5, stall=0.5)
    assert in_a_process(job) == TIMED_OUT
    assert dataset.committed() == {}
    assert in_a_process(job_of(dataset, Plain(), time_limit=5.0)) == 0
    assert dataset.manifest(0).quarantined == ()
    assert dataset.read(0).num_rows == 10


def test_a_stretch_that_fails_keeps_no_other_shard_from_being_done(
    store: Store, cluster: Cluster, traps: Path
) -> None:
    wrongs = [*[""] * 2, *["io until go"] * 40, *[""] * 20]
    dataset = planned(store, [wrong(str(n), what) for n, what in enumerate(wrongs)], 1)
    stage = Plain(traps=str(traps))
    with pytest.raises(InfrastructureError, match="on fire") as failed:
        run_stage(dataset, stage, cluster=cluster, options=RunOptions(backoff=0.01, retries=0))
    assert failed.value.exit_code == 75
    assert sorted(dataset.committed()) == [n for n, what in enumerate(wrongs) if not what]
    (traps / "go").touch()
    assert (
        run_stage(dataset, stage, cluster=cluster, options=RunOptions(backoff=0.01)).committed == 40
    )
