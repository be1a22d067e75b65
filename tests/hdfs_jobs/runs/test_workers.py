from __future__ import annotations

from unittest.mock import patch

from distributed import Client, LocalCluster

from hdfs_jobs.runs import workers as module
from hdfs_jobs.runs.cluster import LOOPBACK
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.workers import Workers


def test_every_worker_counts_however_many_there_are() -> None:
    with (
        LocalCluster(
            n_workers=7,
            threads_per_worker=1,
            processes=False,
            protocol="tcp://",
            host=LOOPBACK,
            dashboard_address=f"{LOOPBACK}:0",
        ) as running,
        Client(running) as client,
    ):
        workers = Workers(client, "plain", RunOptions(patience=1.0), {}, print)
        assert workers.threads == 7
        assert sum(workers.slots.values()) == 7
        with patch.object(module, "ANSWER_SECONDS", 0.0):
            unanswered = Workers(client, "plain", RunOptions(patience=1.0), {}, print)
        assert unanswered.threads == 0
        unanswered.refresh()
        assert unanswered.threads == 7
