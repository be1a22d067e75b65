"""Quotas that run out in the middle of a job."""

from __future__ import annotations

import pytest

from hdfs_jobs.errors import InfrastructureError
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.runner import run_stage
from hdfs_jobs.storage.base import is_temporary
from tests.components.hadoop import Hdfs
from tests.hdfs_jobs.job_stages import Bytes
from tests.system.hdfs.trials import SHARDS, hashes, planned


@pytest.mark.parametrize(
    ("scheme", "of", "left"), [("webhdfs", "names", 8), ("hdfs", "space", 1000)]
)
def test_a_quota_ends_the_run_and_nothing_is_there_by_half(
    hdfs: Hdfs,
    scheme: str,
    of: str,
    left: int,
    hdfs_folder: str,
    cluster: Cluster,
    undisturbed: list[str],
) -> None:
    dataset = planned(hdfs.url(scheme) + hdfs_folder)
    hdfs.set_quota(hdfs_folder, **{of: _used(hdfs, hdfs_folder, of) + left})
    with pytest.raises(InfrastructureError, match="quota") as caught:
        run_stage(dataset, Bytes(), cluster=cluster, options=RunOptions(retries=0))
    assert caught.value.exit_code == 75
    assert "\n" not in str(caught.value)
    assert not [e.path for e in dataset.storage.walk(temporary=True) if is_temporary(e.path)]
    assert len(hashes(dataset)) < SHARDS
    hdfs.set_quota(hdfs_folder)
    run_stage(dataset, Bytes(), cluster=cluster, options=RunOptions(retries=0))
    assert hashes(dataset) == undisturbed


def _used(hdfs: Hdfs, folder: str, of: str) -> int:
    summary = hdfs.rest("GET", folder, "GETCONTENTSUMMARY")["ContentSummary"]
    if of == "space":
        return int(summary["spaceConsumed"])
    return int(summary["fileCount"] + summary["directoryCount"])
