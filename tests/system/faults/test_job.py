"""kill -9 of the driver in every stage, and a disk that takes no more: the clips are the same."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from functools import partial
from pathlib import Path

from tests.nsynth_batch.job import Job
from tests.nsynth_batch.recordings import tone, write_wav
from tests.waiting import until

PAIRS = ("--pairs", "6", "--workers", "1", "--lease-seconds", "1")
STAGES = ("audio", "encodings", "mashups", "clips")


def recordings(job: Job) -> Job:
    for i in range(6):
        write_wav(job.recordings / f"{i}.wav", tone(1.2, 200 + 30 * i))
    (job.recordings / "bad.wav").write_text("no audio")
    return job


def shas(job: Job) -> dict[str, list[str]]:
    found = {}
    for name in STAGES:
        dataset = job.store().current_of(name)
        assert dataset is not None
        found[name] = [summary.sha256 for summary in dataset.summaries()]
    return found


def any_of(folder: Path, *forms: str) -> bool:
    return any(next(folder.glob(form), None) for form in forms)


def test_a_driver_killed_in_each_stage_leaves_the_same_clips(tmp_path: Path, tiny: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    whole = recordings(Job(tmp_path / "whole", tiny))
    assert whole.run(*PAIRS).returncode == 0
    job = recordings(Job(tmp_path / "killed", tiny))
    for stage in STAGES:
        process = subprocess.Popen(
            job.command("run", str(job.recordings), *PAIRS),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        # As soon as one shard of the stage is at work or done.
        begun, done = f"runs/partial/{stage}/**/begin-*", f"{stage}/*/manifests/*.json"
        until(partial(any_of, Path(job.url), begun, done), process=process, pause=0.002)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert job.ask("verify").returncode == 0
    done = job.run(*PAIRS)
    assert done.returncode == 0, done.stderr
    assert job.clips() == whole.clips()
    assert shas(job) == shas(whole)
    assert job.status() == whole.status()


def test_a_disk_that_takes_no_more_ends_with_75_and_nothing_half_visible(
    tmp_path: Path, tiny: Path
) -> None:
    job = Job(tmp_path, tiny)
    write_wav(job.recordings / "long.wav", tone(60.0))
    assert job.do("harvest", str(job.recordings), more=False).returncode == 0

    def no_large_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = subprocess.run(
        job.command("shard", "--workers", "1", "--retries", "1", more=False),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=no_large_files,
    )
    assert done.returncode == 75, done.stderr
    assert "File too large" in done.stderr.splitlines()[-1]
    assert not list(Path(job.url, "audio").rglob("*.parquet"))
    assert not list(Path(job.url).rglob(".tmp-*"))
    assert job.status()["audio"]["committed"] == 0
    done = job.do("shard", "--workers", "1", more=False)
    assert done.returncode == 0, done.stderr
    assert job.ask("verify").returncode == 0
