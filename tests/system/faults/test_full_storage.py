"""A storage that takes no more: the shard fails whole, and no item is to blame."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.worker import do_shard
from nsynth_batch.cli import main
from tests.hdfs_jobs.builders import SETTINGS, job_of, planned, wrong
from tests.hdfs_jobs.job_stages import ChokingStorage, Plain

OLD_STORE = Path(__file__).parents[2] / "data" / "store-0.1" / "store"


def test_a_full_disk_fails_the_shard_and_leaves_no_trace(store: Store) -> None:
    dataset = planned(store, [wrong("a")])
    job = job_of(dataset, Plain(rows=4000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            do_shard(job, threads=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [entry.name for entry in store.storage.list(dataset.path, temporary=True)] == [
        "settings.json"
    ]
    assert do_shard(job, threads=1).summary.rows == 4000


def test_a_shard_that_cannot_be_written_is_no_fault_of_its_item(store: Store) -> None:
    planned(store, [wrong("a"), wrong("b")])
    dataset = Dataset(ChokingStorage(store.url), "plain", SETTINGS)
    job = job_of(dataset, Plain(row_group_rows=2), last=True)
    with pytest.raises(OSError, match="could not be written: no memory"):
        do_shard(job, threads=1)
    assert len(dataset.pending()) == 1
    do_shard(job, threads=1)
    assert dataset.read(0)["key"].to_pylist() == ["a"] * 5 + ["b"] * 5
    assert dataset.manifest(0).quarantined == ()


def test_clips_that_find_no_room_are_one_line_and_leave_no_trace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "clips"
    words = ["clips", "--store", str(OLD_STORE), "--to", str(out)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        # A limit on the size of files stays; a full disk is 75.
        assert main(words) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    line = capsys.readouterr().err
    assert line.startswith(f"nsynth-batch: {out}/")
    assert ".wav: File too large" in line
    assert line.count("\n") == 1
    assert not list(out.iterdir())
    assert main(words) == 0
    assert list(out.glob("*.wav"))
