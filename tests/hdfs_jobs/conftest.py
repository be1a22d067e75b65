from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.runner import run_stage
from tests.hdfs_jobs.job_stages import Bytes
from tests.system.hdfs.trials import hashes, planned


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with Cluster(workers=2) as shared:
        yield shared


@pytest.fixture(scope="session")
def undisturbed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The SHA-256 of each shard of a small job that nothing went wrong with."""
    dataset = planned(str(tmp_path_factory.mktemp("undisturbed") / "store"))
    run_stage(dataset, Bytes(), cluster=cluster)
    return hashes(dataset)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path / "store"), create=True)


@pytest.fixture
def traps(tmp_path: Path) -> Path:
    """A folder by which a stage in a worker and its test tell each other things."""
    folder = tmp_path / "traps"
    folder.mkdir()
    return folder
