"""NameNode and DataNodes killed in the middle of jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hdfs_jobs.runs.cluster import Cluster
from tests.components.hadoop import SCHEMES, Hdfs
from tests.components.needs import need
from tests.system.hdfs.trials import hashes, planned, with_an_event


@pytest.fixture(scope="module")
def doubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hdfs]:
    """Every block on both of two DataNodes."""
    need("hdfs")
    folder = tmp_path_factory.mktemp("hdfs-doubled")
    with Hdfs(folder, datanodes=2, settings={"dfs.replication": "2"}) as running:
        yield running


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_job_waits_for_a_namenode_that_comes_back(
    doubled: Hdfs,
    scheme: str,
    hdfs_folder: str,
    cluster: Cluster,
    traps: Path,
    undisturbed: list[str],
) -> None:
    (namenode,) = doubled.namenodes
    dataset = planned(doubled.url(scheme) + hdfs_folder)
    with_an_event(dataset, cluster, traps, namenode.kill, namenode.start)
    assert hashes(dataset) == undisturbed


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_job_goes_on_without_one_of_two_datanodes(
    doubled: Hdfs,
    scheme: str,
    hdfs_folder: str,
    cluster: Cluster,
    traps: Path,
    undisturbed: list[str],
) -> None:
    dataset = planned(doubled.url(scheme) + hdfs_folder)
    dead = doubled.datanodes[SCHEMES.index(scheme)]
    try:
        with_an_event(dataset, cluster, traps, dead.kill)
        assert hashes(dataset) == undisturbed
    finally:
        dead.start()
        doubled.wait()
