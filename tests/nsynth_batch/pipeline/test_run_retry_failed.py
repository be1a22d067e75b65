"""--retry-failed: what is in quarantine comes through once what kept it there is mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdfs_jobs.datasets.retry import open_entries
from hdfs_jobs.datasets.store import Store
from tests.nsynth_batch.job import Job
from tests.nsynth_batch.recordings import tone, write_wav

ONE_CUT = ("--segment-seconds", "900", "--workers", "1")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Job:
    """A store in which two recordings ran out of time and a third is no audio."""
    job = Job(tmp_path_factory.mktemp("retry"), tiny)
    for i in range(2):
        write_wav(job.recordings / f"{i}.wav", tone(800.0, 200.0 + 10 * i))
    (job.recordings / "text.wav").write_text("no audio")
    assert job.do("harvest", str(job.recordings), more=False).returncode == 0
    done = job.do("shard", *ONE_CUT, "--time-limit", "0.05", more=False)
    assert done.returncode == 3, done.stderr
    assert "--retry-failed tries them again" in done.stderr
    return job


def quarantine(job: Job) -> dict[str, str]:
    dataset = Store.open(job.url).current_of("audio")
    assert dataset is not None
    return {entry.title: entry.reason for _, entry in open_entries(dataset)}


def test_recordings_that_ran_out_of_time_come_through(job: Job) -> None:
    assert quarantine(job) == {"0.wav": "timeout", "1.wav": "timeout", "text.wav": "not-audio"}
    assert job.status()["audio"]["quarantined"] == 3
    mistyped = job.do("shard", *ONE_CUT, "--retry-failed=timout", more=False)
    assert mistyped.returncode == 2
    assert mistyped.stderr.count("\n") == 1
    assert "did you mean timeout?" in mistyped.stderr
    other = job.do("shard", *ONE_CUT, "--retry-failed=memory", more=False)
    assert other.returncode == 3
    assert "nothing is in quarantine for memory; there is 1 not-audio, 2 timeout" in other.stderr
    before = job.files()
    shown = job.do("shard", *ONE_CUT, "--retry-failed", "--dry-run", more=False)
    assert shown.returncode == 0, shown.stderr
    (shards,) = (line.split()[1] for line in shown.stdout.splitlines() if line[:6] == "audio ")
    assert shards == "3"
    assert job.files() == before

    done = job.do("shard", *ONE_CUT, "--retry-failed=timeout", more=False)
    assert done.returncode == 0, done.stderr
    assert "audio: quarantined recordings tried again: 2" in done.stderr
    assert quarantine(job) == {"text.wav": "not-audio"}
    status = job.status()["audio"]
    assert (status["rows"], status["quarantined"]) == (2, 1)
    assert status["shards"] == status["committed"] == 5
    assert "quarantine of audio: 1 not-audio\n" in job.ask("status").stdout
    after = job.files()
    kept = {path for path in before if path.startswith("audio/") and "index" not in path}
    assert {path: after[path] for path in kept} == {path: before[path] for path in kept}
    assert job.ask("verify").returncode == 0

    # Bad input stays bad, and counts once however often it is tried.
    source = job.do("run", "--retry-failed", str(job.recordings), *ONE_CUT, "--dry-run", more=False)
    assert source.returncode == 0, source.stderr
    again = job.do("shard", *ONE_CUT, "--retry-failed", more=False)
    assert again.returncode == 0, again.stderr
    status = job.status()["audio"]
    assert (status["rows"], status["quarantined"], status["shards"]) == (2, 1, 6)
    few = job.do("shard", *ONE_CUT, "--max-bad-fraction", "0.3", more=False)
    assert few.returncode == 3
    assert "1 of 3 in audio were quarantined" in few.stderr
