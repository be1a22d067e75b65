"""What last night's runs did, from the shell."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.nsynth_batch.job import Job
from tests.nsynth_batch.recordings import tone, write_wav
from tests.waiting import until

TIMED = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ "
RUN = ("--pairs", "2", "--workers", "1", "--seed", "1")


@dataclass(frozen=True)
class Ran:
    """A job whose first run is over, and what that run wrote on stderr."""

    job: Job
    stderr: str


def with_two_recordings(folder: Path, checkpoint: Path) -> Job:
    job = Job(folder, checkpoint)
    for i in range(2):
        write_wav(job.recordings / f"{i}.wav", tone(0.3, 200.0 + 50 * i))
    return job


@pytest.fixture
def job(tmp_path: Path, tiny: Path) -> Job:
    return with_two_recordings(tmp_path, tiny)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Ran:
    """A store after its first run, which every test leaves whole."""
    job = with_two_recordings(tmp_path_factory.mktemp("ran"), tiny)
    done = job.run(*RUN)
    assert done.returncode == 0, done.stderr
    return Ran(job, done.stderr)


def said(job: Job, *words: str) -> str:
    done = job.ask(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_runs_logs_and_status_say_what_earlier_runs_did(ran: Ran) -> None:
    job = ran.job
    # Lines that no terminal shows have the time.
    assert all(re.match(TIMED, line) for line in ran.stderr.splitlines()), ran.stderr
    assert job.run("--pair", "nothing:nowhere", *RUN).returncode == 2
    last, before = map(json.loads, said(job, "runs", "--json").splitlines())
    assert (last["exit_code"], last["committed"]) == (2, 0)
    assert "nothing" in last["error"]
    shards = sum(stage["committed"] for stage in job.status().values())
    assert (before["exit_code"], before["committed"]) == (0, shards)
    assert (before["host"], before["command"]) == (socket.gethostname(), "nsynth-batch run")
    assert f"--store {job.url}" in before["arguments"]
    header, line, error = said(job, "runs", "--last", "1").splitlines()
    # What was asked for, to be copied, and why it failed.
    assert line.endswith(f"nsynth-batch run {last['arguments']}")
    assert error == f"  {last['error']}"
    assert "--pair nothing:nowhere" in last["arguments"]
    assert header.split()[:3] == ["run", "start", "length"]
    assert line.startswith(last["id"])
    status = said(job, "status")
    assert re.search(rf"\nlast run: nsynth-batch run, {TIMED[:-1]}, 0:\d\d, exit code 2: ", status)
    assert "held by" not in status
    of_json = json.loads(said(job, "status", "--json"))
    assert "held_by" not in of_json
    assert of_json["last_run"] == {
        name: value for name, value in last.items() if name not in ("committed", "quarantined")
    }
    page = job.folder / "pages" / "status.html"
    done = job.ask("status", "--html", str(page))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"{page}: written\n")
    assert job.ask("status", "--html", str(page), "--quiet").stderr == ""
    for words in (["--html", str(page), "--every", "0"], ["--every", "5"]):
        done = job.ask("status", *words)
        assert (done.returncode, "--every" in done.stderr) == (2, True), done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert all(
        words in page.read_text("utf-8") for words in (job.url, "tcp://127.0.0.1", "nothing")
    )
    log = said(job, "logs", before["id"]).splitlines()
    assert " RunStarted " in log[0]
    assert " RunEnded " in log[-1]
    assert len([line for line in log if " info ShardCommitted " in line]) == shards
    assert json.loads(said(job, "logs", before["id"][-6:], "--json").splitlines()[0])["settings"]
    # The last run, and what went wrong in it.
    assert [line.split()[2] for line in said(job, "logs", "--level", "error").splitlines()] == [
        "RunFailed"
    ]


def test_datasets_of_earlier_settings_are_listed_and_deleted(ran: Ran) -> None:
    job = ran.job
    done = job.run(*RUN, "--seed", "2")
    assert done.returncode == 0, done.stderr
    every = [json.loads(line) for line in said(job, "status", "--datasets", "--json").splitlines()]
    old = {one["name"]: one for one in every if not one["current"]}
    assert set(old) == {"mashups", "clips"}
    assert {one["seed"] for one in old.values()} == {"1"}
    assert all(one["bytes"] > 0 and one["rows"] > 0 for one in every)
    table = said(job, "status", "--datasets")
    assert old["clips"]["digest"] in table
    current = next(one for one in every if one["name"] == "audio")
    for digest, why in ((current["digest"], "current"), (old["mashups"]["digest"], "made from")):
        refused = job.ask("gc", "--dataset", digest)
        assert (refused.returncode, why in refused.stderr) == (2, True), refused.stderr
    before = job.files()
    assert "would be removed" in said(job, "gc", "--dataset", old["clips"]["digest"], "--dry-run")
    assert job.files() == before
    for name in ("clips", "mashups"):
        assert f"{name}/{old[name]['digest']}" in said(job, "gc", "--dataset", old[name]["digest"])
    assert not [path for path in job.files() if old["mashups"]["digest"] in path]
    assert len(said(job, "status", "--datasets", "--json").splitlines()) == 4
    assert said(job, "verify").endswith("is whole\n")


def test_a_quiet_run_says_nothing_unless_something_went_wrong(job: Job) -> None:
    for _ in range(2):
        done = job.run(*RUN, "--quiet")
        assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")
    assert job.do("harvest", str(job.recordings), "--quiet", more=False).stderr == ""
    (job.recordings / "bad.wav").write_text("no sound")
    done = job.run(*RUN, "--quiet")
    assert "bad.wav" in done.stderr
    assert "to do" not in done.stderr
    done = job.run(*RUN, "--quiet", "--log-format", "json")
    assert all(json.loads(x)["level"] != "info" for x in done.stderr.splitlines())


def test_a_run_at_work_is_followed_and_holds_the_store(job: Job) -> None:
    for i in range(3):
        write_wav(job.recordings / f"long{i}.wav", tone(60.0, 300.0 + 50 * i))
    run = subprocess.Popen(job.command("run", str(job.recordings), *RUN), stderr=subprocess.PIPE)
    try:
        until(lambda: list(Path(job.url).glob("runs/partial/audio/**/begin-*")), process=run)
        assert "held by nsynth-batch run of " in said(job, "status")
        of_json = json.loads(said(job, "status", "--json"))
        assert (of_json["held_by"]["pid"], of_json["last_run"]["state"]) == (run.pid, "at work")
        assert {"user", "host", "command", "last_heartbeat"} <= of_json["held_by"].keys()
        run.send_signal(signal.SIGTERM)
        _, words = run.communicate(timeout=120)
        assert run.returncode == 143, words
    finally:
        run.kill()
        run.wait()
    followed = said(job, "logs", "--follow").splitlines()
    assert " DrainRequested " in "".join(followed)
    assert followed[-1].endswith(" RunEnded exit_code=143")
    assert json.loads(said(job, "runs", "--json"))["state"] == "143"


def test_a_scheduler_that_is_not_there_is_found_before_the_harvest(job: Job) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        done = job.run(*RUN, "--scheduler", f"tcp://127.0.0.1:{port}")
    assert done.returncode == 75
    assert "no Dask scheduler answers" in done.stderr
    assert not Path(job.url).exists()


def test_a_run_that_never_held_the_store_is_among_its_runs(ran: Ran) -> None:
    job = ran.job
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.listen()
        ends = {
            ("run", "nowhere"): (2, "nowhere"),
            ("run", str(job.recordings), "--scheduler", "tcp://127.0.0.1:1"): (75, "scheduler"),
            ("run", "--checkpoint", "no-such-model"): (2, "no-such-model"),
            ("encode", "--metrics-port", str(port)): (75, "in use"),
            ("harvest", "nowhere"): (2, "nowhere"),
        }
        for words, (code, why) in ends.items():
            assert job.ask(*words).returncode == code
            [last] = map(json.loads, said(job, "runs", "--json", "--last", "1").splitlines())
            assert (last["state"], why in last["error"]) == (str(code), True), last
            assert why in said(job, "status").partition("last run: ")[2].splitlines()[0]
            assert why in said(job, "logs", "--level", "error")


def test_a_run_that_is_killed_at_once_is_among_its_stores_runs(ran: Ran) -> None:
    job, words = ran.job, ["run", str(ran.job.recordings), *RUN]
    before = set(Path(job.url).glob("runs/logs/*/*.jsonl"))
    run = subprocess.Popen(job.command(*words), stderr=subprocess.DEVNULL)
    until(lambda: set(Path(job.url).glob("runs/logs/*/*.jsonl")) - before, process=run)
    run.kill()
    run.wait()
    [last] = map(json.loads, said(job, "runs", "--json", "--last", "1").splitlines())
    assert (last["pid"], last["exit_code"]) == (run.pid, None)
    assert last["state"] in ("no end", "at work")


def test_clips_refuses_a_shard_that_is_not_what_was_committed(ran: Ran) -> None:
    job = ran.job
    for name in ("clips", "mashups"):
        path = next(Path(job.url, name).rglob("*.parquet"))
        whole = path.read_bytes()
        path.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
        done = job.ask("clips", "--to", str(job.folder / name))
        assert (done.returncode, "altered: SHA-256" in done.stderr) == (2, True), done.stderr
        assert path.name in done.stderr
        path.write_bytes(whole)
    assert job.ask("clips", "--to", str(job.folder / "whole")).returncode == 0
