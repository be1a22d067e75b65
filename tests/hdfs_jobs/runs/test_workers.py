from __future__ import annotations

from unittest.mock import patch

from hdfs_jobs.runs import workers as module
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.workers import Workers
from tests.components.daskcluster import worker_threads


def test_every_worker_counts_however_many_there_are() -> None:
    with worker_threads(7) as client:
        workers = Workers(client, "plain", RunOptions(patience=1.0), {}, print)
        assert workers.threads == 7
        assert sum(workers.slots.values()) == 7
        with patch.object(module, "ANSWER_SECONDS", 0.0):
            unanswered = Workers(client, "plain", RunOptions(patience=1.0), {}, print)
        assert unanswered.threads == 0
        unanswered.refresh()
        assert unanswered.threads == 7
