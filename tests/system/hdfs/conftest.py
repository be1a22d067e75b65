from __future__ import annotations

import pytest

from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.runner import run_stage
from tests.hdfs_jobs.job_stages import Bytes
from tests.system.hdfs.trials import hashes, planned


@pytest.fixture(scope="session")
def undisturbed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The SHA-256 of each shard of a small job that nothing went wrong with."""
    dataset = planned(str(tmp_path_factory.mktemp("undisturbed") / "store"))
    run_stage(dataset, Bytes(), cluster=cluster)
    return hashes(dataset)
