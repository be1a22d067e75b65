"""Files that are gone when a stage comes to them: nothing is given up, the rest is done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import InfrastructureError
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.runner import run_stage
from tests.hdfs_jobs.job_stages import Bytes


def test_a_missing_file_keeps_its_shard_open_until_it_is_back(
    store: Store, cluster: Cluster, tmp_path: Path
) -> None:
    files = [tmp_path / f"{n}.bin" for n in range(3)]
    for file in (files[0], files[2]):
        file.write_bytes(bytes([1, 2]))
    dataset = store.dataset("bytes", {})
    dataset.plan([Item(str(n), f"sub/{n}.bin", url=str(file)) for n, file in enumerate(files)], 1)
    line = rf"1 of 3 shards not done.*sub/1\.bin: {re.escape(str(files[1]))} is gone .*harvest it"
    with pytest.raises(InfrastructureError, match=line) as failed:
        run_stage(dataset, Bytes(), cluster=cluster, options=RunOptions(retries=1, backoff=0.01))
    assert failed.value.exit_code == 75
    assert sorted(dataset.committed()) == [0, 2]
    files[1].write_bytes(bytes([3]))
    outcome = run_stage(
        dataset, Bytes(), cluster=cluster, options=RunOptions(retries=1, backoff=0.01)
    )
    assert (outcome.committed, outcome.quarantined) == (1, 0)
    assert dataset.read(1)["value"].to_pylist() == [3]
