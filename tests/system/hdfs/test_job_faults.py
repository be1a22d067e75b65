"""The commands on an HDFS that says no, or goes away and comes back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hdfs_jobs.storage.open import open_storage
from tests.components.hadoop import Hdfs
from tests.nsynth_batch.job import Job
from tests.nsynth_batch.recordings import tone, write_wav
from tests.waiting import until

# The lease of a run that cannot give it back is waited for.
PAIRS = ("--pairs", "6", "--seed", "3", "--lease-seconds", "5")


@pytest.fixture
def jobs(hdfs: Hdfs, hdfs_folder: str, tmp_path: Path, tiny: Path) -> Iterator[dict[str, Job]]:
    """The same job on HDFS by either protocol."""
    found = {}
    for scheme, top in (("webhdfs", hdfs.webhdfs_url), ("hdfs", hdfs.hdfs_url)):
        folder = tmp_path / scheme
        folder.mkdir()
        found[scheme] = Job(folder, tiny)
        found[scheme].url = f"{top}{hdfs_folder}/{scheme}"
        write_two(found[scheme])
    yield found


def write_two(job: Job) -> None:
    for name in ("one.wav", "two.wav"):
        write_wav(job.recordings / name, tone(0.6, 200.0 + ord(name[0])))


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    (line,) = done.stderr.splitlines()
    assert line.startswith("nsynth-batch: ")
    return line


def test_safe_mode_means_later(
    hdfs: Hdfs, jobs: dict[str, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HDFS_JOBS_PATIENCE", "0.5")
    hdfs.safe_mode(True)
    try:
        refused = [job.do("harvest", str(job.recordings), more=False) for job in jobs.values()]
    finally:
        hdfs.safe_mode(False)
    for job, done in zip(jobs.values(), refused, strict=True):
        assert (done.returncode, "safe mode" in one_line(done)) == (75, True)
        assert list(open_storage(job.url).walk(temporary=True)) == []
        assert job.do("harvest", str(job.recordings), more=False).returncode == 0


def test_who_may_not_write_is_told_whom_to_ask_as(
    hdfs: Hdfs, jobs: dict[str, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HADOOP_USER_NAME", "nobody-else")
    for job in jobs.values():
        done = job.do("harvest", str(job.recordings), more=False)
        line = one_line(done)
        assert done.returncode == 2
        assert "nobody-else" in line and "HADOOP_USER_NAME" in line


def test_a_namenode_that_dies_ends_the_run_and_the_next_one_finishes(
    hdfs: Hdfs,
    jobs: dict[str, Job],
    tmp_path: Path,
    tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    local = Job(tmp_path, tiny)
    write_two(local)
    assert local.run(*PAIRS).returncode == 0
    monkeypatch.setenv("HDFS_JOBS_PATIENCE", "0.5")
    job = jobs["webhdfs"]
    storage = open_storage(job.url)
    (namenode,) = hdfs.namenodes
    with subprocess.Popen(
        job.command("run", str(job.recordings), *PAIRS), stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            until(lambda: storage.exists("audio"), process=process)
            namenode.kill()
            _, said = process.communicate()
        finally:
            process.kill()
            namenode.start()
            hdfs.wait()
    assert process.returncode == 75, said
    assert "Traceback" not in said
    assert job.run(*PAIRS).returncode == 0
    assert job.do("verify", more=False).returncode == 0
    assert job.clips() == local.clips()
