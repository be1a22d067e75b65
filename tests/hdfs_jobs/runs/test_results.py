"""What a task came to whose worker died, or stopped, before its result was fetched."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from distributed import Client, wait

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs import results
from hdfs_jobs.runs.code import OWN_CODE
from hdfs_jobs.runs.results import fetch
from hdfs_jobs.runs.worker import submit_shard
from tests.components.daskcluster import dask_servers
from tests.hdfs_jobs.builders import job_of, planned, wrong
from tests.hdfs_jobs.job_stages import Plain


@pytest.mark.parametrize("sent", [None, signal.SIGKILL, signal.SIGSTOP])
def test_a_result_comes_from_the_store_where_its_worker_is_lost(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals | None
) -> None:
    dataset = planned(store, [wrong("a"), wrong("b", "bad")])
    [shard] = dataset.shards()
    with dask_servers(tmp_path) as servers:
        worker = servers.start_worker(flags=("--no-nanny",))
        with Client(servers.address) as client:
            future = submit_shard(client, job_of(dataset, Plain()), OWN_CODE)
            wait(future, timeout=240)
            if sent is not None:
                monkeypatch.setattr(results, "RESULT_SECONDS", 2.0)
                os.kill(worker.pid, sent)
            try:
                result, error = fetch(future, dataset, shard)
            finally:
                if sent == signal.SIGSTOP:
                    os.kill(worker.pid, signal.SIGCONT)
            assert error is None and result is not None
            assert result.summary == dataset.manifest(0).summary()
            assert result.reasons == {"odd": 1}


def test_a_task_that_failed_has_its_error_and_a_lost_one_that_did_nothing_has_one(
    store: Store, tmp_path: Path, traps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = planned(store, [wrong("a", "io until go")])
    [shard] = dataset.shards()
    with dask_servers(tmp_path) as servers:
        worker = servers.start_worker(flags=("--no-nanny",))
        with Client(servers.address) as client:
            failing = job_of(dataset, Plain(traps=str(traps)))
            failed = submit_shard(client, failing, OWN_CODE)
            wait(failed, timeout=240)
            result, error = fetch(failed, dataset, shard)
            assert result is None and "on fire" in str(error)
            # Drained, so that it does nothing.
            store.storage.publish(failing.drain, b"")
            idle = submit_shard(client, failing, OWN_CODE)
            wait(idle, timeout=240)
            assert fetch(idle, dataset, shard) == (None, None)
            monkeypatch.setattr(results, "RESULT_SECONDS", 2.0)
            again = submit_shard(client, failing, OWN_CODE)
            wait(again, timeout=240)
            worker.kill()
            result, error = fetch(again, dataset, shard)
            assert result is None and error is not None
