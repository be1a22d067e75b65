"""Two commands on one store: the second is told, and takes over only from a dead one."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.nsynth_batch.job import Job
from tests.nsynth_batch.recordings import tone, write_wav
from tests.waiting import until

LEASE = ("--lease-seconds", "2")
PAIRS = ("--pairs", "4", "--workers", "1")


@pytest.fixture
def job(tmp_path: Path, tiny: Path) -> Job:
    job = Job(tmp_path, tiny)
    for i in range(3):
        # Long enough to be at work on when the other comes.
        write_wav(job.recordings / f"{i}.wav", tone(120.0, 200.0 + 10 * i))
    return job


@contextmanager
def at_work(job: Job, lease_seconds: int = 2) -> Iterator[subprocess.Popen[str]]:
    """A run that cuts recordings, from when it holds the store and has begun."""
    process = subprocess.Popen(
        job.command("run", str(job.recordings), *PAIRS, "--lease-seconds", str(lease_seconds)),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: list(Path(job.url).glob("runs/partial/audio/**/begin-*")), process=process)
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_second_driver_is_told_and_readers_are_let_in(job: Job) -> None:
    # Long enough for a machine with much else to do: this one is not to be taken for dead.
    with at_work(job, lease_seconds=6) as first:
        workers = psutil.Process(first.pid).children(recursive=True)
        for worker in workers:
            worker.suspend()
        for words in (
            ("run", str(job.recordings), *PAIRS),
            ("harvest", str(job.recordings)),
            ("shard",),
            ("gc", "--older-than", "0"),
        ):
            second = job.do(*words, more=False)
            assert second.returncode == 75, second.stderr
            last = second.stderr.splitlines()[-1]
            assert f"{job.url} is held by nsynth-batch run of " in last
            assert f"(process {first.pid}) since " in last
        told = job.ask("runs", "--json")
        states = [json.loads(line)["state"] for line in told.stdout.splitlines()]
        assert states == ["75", "75", "75", "at work"]
        assert told.stdout.count("is held by nsynth-batch run of ") == 3
        for words in (("status",), ("gc", "--dry-run"), ("verify",)):
            assert job.ask(*words).returncode == 0
        for worker in workers:
            worker.resume()
        assert first.wait(120) == 0
    assert job.status()["clips"]["rows"] == 4
    assert not list(Path(job.url, "runs/lease").iterdir())
    assert job.do("gc", more=False).returncode == 0


def test_a_driver_that_sleeps_is_replaced_and_ends_when_it_wakes(job: Job) -> None:
    with at_work(job) as sleeper:
        sleeper.send_signal(signal.SIGSTOP)
        done = job.run(*PAIRS, *LEASE)
        assert done.returncode == 0, done.stderr
        assert "waiting to see whether that run is alive" in done.stderr
        before = job.files()
        sleeper.send_signal(signal.SIGCONT)
        assert sleeper.stderr is not None
        rest = sleeper.stderr.read()
        assert sleeper.wait(30) == 75, rest
        assert "this run gave no sign of life for 2 seconds" in rest.splitlines()[-1]
    assert job.files() == before
    assert job.ask("verify").returncode == 0


def test_a_wait_for_a_dead_driver_can_be_ended(job: Job) -> None:
    with at_work(job) as first:
        first.kill()
        first.wait()
    process = subprocess.Popen(
        job.command("run", *PAIRS, "--lease-seconds", "60"), stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert "waiting to see" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    rest = process.stderr.read()
    assert process.wait() == 143, rest
    assert "was held by another run: nothing was done" in rest
    done = job.run(*PAIRS)
    assert done.returncode == 0, done.stderr
