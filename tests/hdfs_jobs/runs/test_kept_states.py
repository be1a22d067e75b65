"""States that two workers keep, one of which is killed."""

from __future__ import annotations

import os
import pickle
import signal
from pathlib import Path

import numpy as np
import pytest

from hdfs_jobs.runs import round_tasks
from hdfs_jobs.runs.kept_states import KeptStates
from hdfs_jobs.runs.workers import Workers
from tests.components.daskcluster import forked_workers
from tests.hdfs_jobs.iterations import OPTIONS, Walk


def test_a_state_that_was_loaded_is_no_later_one_where_its_worker_is_lost(tmp_path: Path) -> None:
    work = Walk(str(tmp_path))
    with forked_workers(2, Walk.__module__) as client, client.as_current():
        workers = Workers(client, "walk", OPTIONS, {}, lambda event: None)
        states = KeptStates(client, pickle.dumps(work), workers, "walk", 3, lambda event: None)
        base = states.last()
        assert base.number == 0
        work.save(np.zeros(300, np.float32), 5)
        os.kill(client.run(os.getpid)[base.address], signal.SIGKILL)
        # Dask runs what kept it again, and loads for that.
        with pytest.raises(round_tasks.AnotherStateError, match="the state after 0 rounds is gone"):
            base.held.result(timeout=60)
        other = states.last()
        assert other.future.key != base.future.key
        assert other.number == states.result(states.submit(round_tasks.number_of, other.future))
