"""The whole job on HDFS: recordings read in place or taken in, clips out, the same bytes."""

from __future__ import annotations

import getpass
import json
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.catalog.catalog import Catalog
from nsynth_batch.pipeline.steps import dataset_names
from tests.components.hadoop import Hdfs
from tests.nsynth_batch.job import SEGMENT_SECONDS, Job
from tests.nsynth_batch.recordings import tone, write_wav

FEWER, PAIRS = "3", "5"
SOURCES = "file,title,author,licence\nodd #1 100% +&?.wav,Odd,Somebody,CC-BY-4.0\n"


def write_recordings(folder: Path) -> None:
    """Four recordings, one of them longer than a block of HDFS is here."""
    write_wav(folder / "odd #1 100% +&?.wav", tone(0.6, 300))
    write_wav(folder / "part=1" / "птица.wav", tone(0.5, 320))
    write_wav(folder / "part=2" / "long.wav", tone(0.5, 340, 3_000_000), rate=3_000_000)
    (folder / "sources.csv").write_text(SOURCES)


def copy_as_spark_does(folder: Path, storage: Storage) -> None:
    """Put recordings on HDFS, with what such jobs leave beside them."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            storage.publish(str(path.relative_to(folder)), path.read_bytes())
    wav = (folder / "part=1" / "птица.wav").read_bytes()
    storage.publish("_SUCCESS", b"")
    storage.publish("part=1/.птица.wav.crc", b"crc\0")
    storage.publish("part=1/.hidden.wav", wav)
    storage.publish("_temporary/0/task_1/half.wav", wav[:1000])
    storage.publish("part=1/x.wav._COPYING_", wav)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Job:
    """The job on this machine: what the others are compared with."""
    job = Job(tmp_path_factory.mktemp("local"), tiny)
    write_recordings(job.recordings)
    done = job.run("--pairs", PAIRS, "--workers", "1")
    assert done.returncode == 0, done.stderr
    return job


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory, hdfs: Hdfs, local: Job) -> Job:
    """The job on HDFS: begun over Hadoop's own protocol, gone on with over WebHDFS."""
    job = Job(tmp_path_factory.mktemp("remote"), Path(local.checkpoint))
    place = "/whole-job"
    recordings = f"{hdfs.webhdfs_url}{place}/recordings"
    copy_as_spark_does(local.recordings, open_storage(recordings))
    job.url = f"{hdfs.hdfs_url}{place}/store"
    begun = job.do("run", recordings, "--pairs", FEWER, "--workers", "1")
    assert begun.returncode == 0, begun.stderr
    assert len(job.clips()) == int(FEWER)
    job.url = f"{hdfs.webhdfs_url}{place}/store"
    done = job.do("run", "--pairs", PAIRS, "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert (begun.stderr + done.stderr).count("Traceback") == 0
    return job


def test_clips_on_hdfs_are_those_of_this_machine(hdfs: Hdfs, local: Job, remote: Job) -> None:
    assert remote.clips() == local.clips()
    remote.url, webhdfs = f"{hdfs.hdfs_url}/whole-job/store", remote.url
    try:
        assert remote.clips() == local.clips()
    finally:
        remote.url = webhdfs


def test_recordings_on_hdfs_stay_where_they_are(remote: Job) -> None:
    storage = remote.store().storage
    assert list(storage.walk("raw")) == []
    recordings = Catalog(storage).recordings()
    place = remote.url.replace("/store", "/recordings/")
    assert {r.raw_url.removeprefix(place) for r in recordings.values()} == {
        "odd #1 100% +&?.wav",
        "part=1/птица.wav",
        "part=2/long.wav",
    }
    assert {r.author for r in recordings.values() if r.title == "Odd"} == {"Somebody"}


def test_commands_read_a_store_on_hdfs(remote: Job, tmp_path: Path) -> None:
    status = remote.status()
    assert all(stage["committed"] == stage["shards"] > 0 for stage in status.values())
    again = remote.do("run", "--pairs", PAIRS, "--workers", "1")
    assert (again.returncode, again.stderr.count("nothing to do")) == (0, 4)
    out = tmp_path / "clips"
    assert remote.ask("clips", "--to", str(out)).returncode == 0
    lines = [json.loads(line) for line in (out / "clips.jsonl").read_text("utf-8").splitlines()]
    assert {line["clip_id"] for line in lines} == set(remote.clips())
    assert all((out / line["file"]).stat().st_size > 44 for line in lines)


def test_each_shard_is_told_of_by_status_and_in_the_logs_of_the_store(remote: Job) -> None:
    done = remote.ask("status", "--shards", "--json")
    assert done.returncode == 0, done.stderr
    shards = [json.loads(line) for line in done.stdout.splitlines()]
    counts = Counter(shard["stage"] for shard in shards)
    assert counts == {name: stage["committed"] for name, stage in remote.status().items()}
    assert all(shard["bytes"] and shard["wall_seconds"] > 0 for shard in shards)
    storage = remote.store().storage
    parts = sorted(entry.path for entry in storage.walk("runs/logs"))
    events = [json.loads(line) for part in parts for line in storage.read_bytes(part).splitlines()]
    committed = [event for event in events if event["event"] == "ShardCommitted"]
    told = {(event["name"], event["summary"]["sha256"]) for event in committed}
    assert told == {(shard["stage"], shard["sha256"]) for shard in shards}
    assert all(event["worker"].startswith("tcp://127.0.0.1:") for event in committed)
    ends = [event["event"] for event in events if event["event"].startswith("Run")]
    assert ends[:2] == ["RunStarted", "RunEnded"]


def test_a_log_collector_gets_json_alone(remote: Job) -> None:
    again = remote.do("run", "--pairs", PAIRS, "--workers", "1", "--log-format", "json")
    assert again.returncode == 0, again.stderr
    events = [json.loads(line) for line in again.stderr.splitlines()]
    assert [e["name"] for e in events if e["event"] == "StageFinished"] == list(dataset_names())
    assert all(datetime.fromisoformat(event["time"]).tzinfo for event in events)


def test_a_snapshot_of_a_store_is_a_store_that_can_be_read(remote: Job, hdfs: Hdfs) -> None:
    folder = urlsplit(remote.url).path
    web = hdfs.webhdfs_url.replace("webhdfs", "http")

    def ask(operation: str, **more: str) -> None:
        parameters = {"op": operation, "user.name": getpass.getuser(), **more}
        url = f"{web}/webhdfs/v1{folder}"
        requests.put(url, params=parameters, timeout=30).raise_for_status()

    ask("ALLOWSNAPSHOT")
    ask("CREATESNAPSHOT", snapshotname="friday")
    snapshot = f"{remote.url}/.snapshot/friday"
    before = remote.status()
    for words in (("verify",), ("status", "--json")):
        command = [sys.executable, "-m", "nsynth_batch", *words, "--store", snapshot]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["stages"] == before


def test_gc_removes_what_killed_attempts_left_on_hdfs(remote: Job) -> None:
    storage = remote.store().storage
    left = f"audio/{remote.store().current_of('audio').digest}/.tmp-{'0' * 32}"
    storage.publish(left, b"half")
    before = {entry.path for entry in storage.walk()}
    done = remote.do("gc", "--older-than", "0", more=False)
    assert done.returncode == 0, done.stderr
    assert not storage.exists(left)
    assert remote.ask("verify").returncode == 0
    gone = before - {entry.path for entry in storage.walk()}
    assert all(path.startswith("runs/") for path in gone)


def test_a_recording_that_is_gone_or_another_stops_no_run(remote: Job, local: Job) -> None:
    """It is quarantined with the reason, and comes through once it is back."""
    shard = ("shard", "--segment-seconds", str(SEGMENT_SECONDS), "--workers", "1", "--retries", "0")
    place = open_storage(remote.url.rpartition("/")[0])
    first = write_wav(local.folder / "more" / "first.wav", tone(0.5, 510)).read_bytes()
    other = write_wav(local.folder / "more" / "other.wav", tone(0.5, 520)).read_bytes()
    place.publish("more/changing.wav", first)
    place.publish("more/vanishing.wav", other)
    place.publish("more/staying.wav", write_wav(local.folder / "s", tone(0.5, 530)).read_bytes())
    url = f"{place.url}/more"
    before = remote.status()["audio"]["quarantined"]
    assert remote.do("harvest", url, more=False).returncode == 0
    place.delete("more/changing.wav")
    place.publish("more/changing.wav", other + b"\0\0")
    place.delete("more/vanishing.wav")
    for _ in range(2):
        done = remote.do(*shard, more=False)
        assert done.returncode == 0, done.stderr
        audio = remote.status()["audio"]
        assert (audio["quarantined"] - before, audio["shards"]) == (2, audio["committed"])
    listed = remote.ask("status", "--quarantine").stdout
    assert "vanishing.wav is missing since it was planned" in listed
    assert "has changed since it was harvested" in listed
    verified = remote.ask("verify")
    assert verified.returncode == 1
    assert "changed since it was harvested" in verified.stdout
    place.delete("more/changing.wav")
    place.publish("more/changing.wav", first)
    place.publish("more/vanishing.wav", other)
    back = remote.do(*shard, more=False)
    assert back.returncode == 0
    assert "2 quarantined recordings are back and tried again" in back.stderr
    assert remote.status()["audio"]["quarantined"] == before
    assert remote.ask("verify").returncode == 0


def test_a_recording_that_is_gone_is_withdrawn_by_a_harvest(remote: Job, local: Job) -> None:
    place = open_storage(remote.url.rpartition("/")[0])
    url = f"{place.url}/nightly"
    for number in range(3):
        path = write_wav(local.folder / f"n{number}", tone(0.5, 610 + 10 * number))
        place.publish(f"nightly/{number}.wav", path.read_bytes())
    assert remote.do("harvest", url, more=False).returncode == 0
    kept = place.read_bytes("nightly/0.wav")
    place.delete("nightly/0.wav")
    for deleted in (1, 0):
        done = remote.do("harvest", url, more=False)
        assert done.returncode == 0, done.stderr
        assert (f"{deleted} marked as deleted" in done.stderr) is bool(deleted)
    place.publish("nightly/0.wav", kept)
    assert "1 updated" in remote.do("harvest", url, more=False).stderr


def test_a_folder_of_this_machine_is_copied_to_hdfs(
    hdfs: Hdfs, hdfs_folder: str, local: Job, tmp_path: Path, tiny: Path
) -> None:
    job = Job(tmp_path, tiny)
    job.url = f"{hdfs.webhdfs_url}{hdfs_folder}/store"
    done = job.do("harvest", str(local.recordings), more=False)
    assert done.returncode == 0, done.stderr
    storage, there = open_storage(job.url), open_storage(local.url)
    recordings = Catalog(storage).recordings().values()
    assert {entry.path for entry in storage.walk("raw")} == {r.raw_url for r in recordings}
    for recording in recordings:
        assert storage.read_bytes(recording.raw_url) == there.read_bytes(recording.raw_url)
