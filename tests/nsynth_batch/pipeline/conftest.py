"""A store of three short recordings, settings for it, and a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.cluster import Cluster
from nsynth_batch.sources.harvest import harvest
from nsynth_batch.sources.resolve import resolve
from tests.nsynth_batch.recordings import tone, write_wav


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(workers=1) as shared:
        yield shared


@pytest.fixture
def store(tmp_path: Path) -> Store:
    for i in range(3):
        write_wav(tmp_path / "in" / f"{i}.wav", tone(0.3, 200 + 50 * i))
    store = Store.open(str(tmp_path / "store"), create=True)
    harvest(resolve(str(tmp_path / "in")), lambda: store.storage)
    return store


@pytest.fixture
def given(store: Store, tiny: Path) -> dict[str, Any]:
    return {"store": store.url, "checkpoint": str(tiny), "segment_seconds": 0.128, "pairs": 3}
