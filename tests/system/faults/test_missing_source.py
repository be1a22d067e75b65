"""Files that are missing when a stage comes to them: quarantined by name, and the rest is done."""

from __future__ import annotations

from pathlib import Path

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.datasets.retry import find_retries
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import MISSING
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.runner import run_stage
from tests.hdfs_jobs.job_stages import Bytes

OPTIONS = RunOptions(retries=1, backoff=0.01)


def test_a_missing_file_is_quarantined_and_done_once_it_is_back(
    store: Store, cluster: Cluster, tmp_path: Path
) -> None:
    files = [tmp_path / f"{n}.bin" for n in range(3)]
    for file in (files[0], files[2]):
        file.write_bytes(bytes([1, 2]))
    dataset = store.dataset("bytes", {})
    dataset.plan([Item(str(n), f"sub/{n}.bin", url=str(file)) for n, file in enumerate(files)], 1)
    outcome = run_stage(dataset, Bytes(), cluster=cluster, options=OPTIONS)
    assert (outcome.committed, outcome.quarantined) == (3, 1)
    [entry] = dataset.manifest(1).quarantined
    assert (entry.key, entry.title, entry.reason) == ("1", "sub/1.bin", MISSING)
    assert entry.detail == f"{files[1]} is missing since it was planned"
    files[1].write_bytes(bytes([3]))
    dataset.plan(find_retries(dataset, MISSING).items, 1, again=True)
    outcome = run_stage(dataset, Bytes(), cluster=cluster, options=OPTIONS)
    assert (outcome.committed, outcome.quarantined) == (1, 0)
    assert dataset.read(3)["value"].to_pylist() == [3]
    assert dataset.totals().quarantined == 0
