"""A worker that is to be stopped ends its task first: real workers, stopped by a real signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, Worker, get_worker

from tests.components.daskcluster import DaskServers, dask_servers
from tests.waiting import until

SECONDS = 120.0


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[DaskServers]:
    with dask_servers(tmp_path) as running:
        yield running


def noted(folder: str, go: str) -> str:
    """Leave a line for each time it is begun, and wait for a file of that name."""
    worker = str(get_worker().name)
    with Path(folder, "begun").open("a", encoding="utf-8") as lines:
        lines.write(worker + "\n")
    until(Path(folder, go).exists, SECONDS)
    return worker


def retiring(servers: DaskServers, name: str, seconds: float) -> subprocess.Popen[str]:
    given = {"DASK_SCHEDULER_ADDRESS": servers.address, "DASK_WORKER_NAME": name}
    return subprocess.Popen(
        [sys.executable, "-m", "hdfs_jobs.retire", f"--seconds={seconds}"],
        env={**os.environ, **given},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=SECONDS)
    return process.returncode, errors


def is_retiring(dask_worker: Worker) -> bool:
    return dask_worker.status.name == "closing_gracefully"


def begun(folder: Path, times: int) -> list[str]:
    """Wait until so many tasks have begun; return by which workers."""

    def lines() -> list[str]:
        return (folder / "begun").read_text().split() if (folder / "begun").exists() else []

    until(lambda: len(lines()) >= times)
    return lines()


def test_a_task_is_ended_and_no_other_begun(servers: DaskServers, tmp_path: Path) -> None:
    first = servers.start_worker(flags=["--name", "first"])
    with Client(servers.address) as client:
        long = client.submit(noted, str(tmp_path), "go", pure=False)
        assert begun(tmp_path, 1) == ["first"]
        behind = client.submit(noted, str(tmp_path), "go", pure=False)
        retire = retiring(servers, "first", SECONDS)
        until(lambda: set(client.run(is_retiring).values()) == {True}, SECONDS)
        assert retire.poll() is None
        (tmp_path / "go").touch()
        assert ended(retire) == (0, "")
        assert long.result(SECONDS) == "first"
        long.release()
        first.send_signal(signal.SIGTERM)
        servers.start_worker(flags=["--name", "second"])
        assert behind.result(SECONDS) == "second"
        assert begun(tmp_path, 2) == ["first", "second"]


def test_what_takes_too_long_is_given_up(servers: DaskServers, tmp_path: Path) -> None:
    servers.start_worker(flags=["--name", "first"])
    with Client(servers.address) as client:
        held = client.submit(noted, str(tmp_path), "go", pure=False)
        assert begun(tmp_path, 1)
        line = "retire: first is not done after 1 seconds\n"
        assert ended(retiring(servers, "first", 1)) == (75, line)
        assert not held.done()
        (tmp_path / "go").touch()


def test_who_is_not_there_has_nothing_to_end(servers: DaskServers) -> None:
    assert ended(retiring(servers, "nobody", 5)) == (0, "")
    servers.scheduler.kill()
    servers.scheduler.wait()
    code, errors = ended(retiring(servers, "nobody", 1))
    assert code == 75
    assert errors.count("\n") == 1
    assert servers.address in errors
