from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hdfs_jobs.cluster import Cluster
from hdfs_jobs.store import Store


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with Cluster(workers=2) as shared:
        yield shared


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path / "store"), create=True)


@pytest.fixture
def traps(tmp_path: Path) -> Path:
    """A folder by which a stage in a worker and its test tell each other things."""
    folder = tmp_path / "traps"
    folder.mkdir()
    return folder
