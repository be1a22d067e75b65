"""The whole job on S3: recordings read in place, clips out, the same bytes; servers that fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.catalog.catalog import Catalog
from nsynth_batch.doctor.checks import _store_of_workers
from nsynth_batch.settings.settings import Settings
from tests.components.daskcluster import dask_servers
from tests.components.faults import Fault, FaultProxy
from tests.components.s3 import S3Server
from tests.nsynth_batch.job import Job
from tests.nsynth_batch.recordings import tone, write_wav

PAIRS = "3"
SLOW_DOWN = Fault(503, {"Content-Type": "application/xml"}, b"<Error><Code>SlowDown</Code></Error>")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Job:
    """The job on this machine: what the others are compared with."""
    job = Job(tmp_path_factory.mktemp("local"), tiny)
    write_wav(job.recordings / "odd #1 100% +&?.wav", tone(0.6, 300))
    write_wav(job.recordings / "part=1" / "птица.wav", tone(0.5, 320))
    done = job.run("--pairs", PAIRS, "--workers", "1")
    assert done.returncode == 0, done.stderr
    return job


def test_clips_on_s3_are_those_of_this_machine_while_the_server_asks_for_patience(
    versitygw: S3Server,
    local: Job,
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy = FaultProxy(versitygw.host)
    versitygw.set_up(monkeypatch, AWS_ENDPOINT_URL=f"http://{proxy.host}")
    place = open_storage(f"{versitygw.url}/whole-job/recordings")
    for path in sorted(local.recordings.rglob("*.wav")):
        place.publish(str(path.relative_to(local.recordings)), path.read_bytes())
    # Every other file of audio, encodings, mash-ups and clips is refused a few times first.
    for part in ("audio/", "encodings/", "mashups/", "clips/"):
        proxy.fail(f"PUT /recordings/whole-job/store/{part}", Fault(), SLOW_DOWN, SLOW_DOWN)
        proxy.fail(f"GET /recordings/whole-job/store/{part}", Fault(), SLOW_DOWN)
    job = Job(tmp_path, tiny)
    job.url = f"{versitygw.url}/whole-job/store"
    done = job.do("run", place.url, "--pairs", PAIRS, "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert job.clips() == local.clips()
    assert any(seen.status == 503 for seen in proxy.seen)
    proxy.stop()
    versitygw.set_up(monkeypatch)
    storage = job.store().storage
    assert list(storage.walk("raw")) == []
    urls = {recording.raw_url for recording in Catalog(storage).recordings().values()}
    assert urls == {f"{place.url}/{entry.path}" for entry in place.walk()}
    for words in (("verify",), ("gc", "--older-than", "0"), ("verify",)):
        done = job.do(*words, more=False)
        assert done.returncode == 0, done.stdout + done.stderr
    status = job.status()
    assert all(stage["committed"] == stage["shards"] > 0 for stage in status.values())


def test_doctor_tries_what_a_store_needs(
    ceph: S3Server, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ceph.set_up(monkeypatch)
    url = f"{ceph.url}/not-there-yet"
    command = [sys.executable, "-m", "nsynth_batch", "doctor", "--store", url]
    command += ["--checkpoint", str(tiny)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert f"store {url}" in done.stdout
    assert f"{url} is free; the first harvest makes the store" in " ".join(done.stdout.split())
    assert list(open_storage(url).walk(temporary=True)) == []


def test_a_worker_without_credentials_ends_a_run_in_one_line_and_loses_nothing(
    versitygw: S3Server, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials of the driver are none of a worker's; `doctor` asks each."""
    versitygw.set_up(monkeypatch)
    job = Job(tmp_path, tiny)
    job.url = f"{versitygw.url}/from-workers"
    for number in range(2):
        write_wav(job.recordings / f"{number}.wav", tone(0.5, 300 + number))
    with dask_servers(tmp_path) as servers:
        servers.start_worker()
        settings = Settings(store=job.url, scheduler=servers.address)
        assert _store_of_workers(settings) == "tried by 1, as above"
        with monkeypatch.context() as without:
            without.delenv("AWS_ACCESS_KEY_ID")
            poor = servers.start_worker()
        with pytest.raises(UsageError, match=r"worker tcp://.* has no credentials for S3"):
            _store_of_workers(settings)
        there = ("--scheduler", servers.address)
        done = job.run("--retries", "0", *there)
        assert done.returncode == 75, done.stderr
        last = done.stderr.splitlines()[-1]
        assert "audio: 1 of 2 shards not done" in last
        assert "has no credentials for S3" in last
        assert "workers need their own" in last
        assert "Traceback" not in done.stderr
        poor.terminate()
        poor.wait()
        done = job.run(*there)
        assert done.returncode == 0, done.stderr
    audio = job.store().current_of("audio")
    assert audio is not None
    assert list(audio.verify()) == []
    assert [audio.manifest(number).items for number in audio.committed()] == [1, 1]
    assert not any(audio.manifest(number).quarantined for number in audio.committed())


def test_without_the_extra_one_line_says_how_to_have_it(tmp_path: Path) -> None:
    (tmp_path / "botocore.py").write_text("raise ModuleNotFoundError(name='botocore')")
    done = subprocess.run(
        [sys.executable, "-m", "nsynth_batch", "status", "--store", "s3://bucket/store"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "botocore is not installed: pip install 'nsynth-batch[s3]'" in line
