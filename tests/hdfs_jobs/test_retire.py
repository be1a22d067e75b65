"""A worker that is to be stopped ends its task first: real workers, stopped by a real signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, get_worker

from tests.components.daskcluster import DaskServers, dask_servers
from tests.waiting import until


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[DaskServers]:
    with dask_servers(tmp_path) as running:
        yield running


def noted(folder: str, seconds: float) -> str:
    """Leave a line for each time it is begun, and take some time."""
    worker = str(get_worker().name)
    with Path(folder, "begun").open("a", encoding="utf-8") as lines:
        lines.write(worker + "\n")
    time.sleep(seconds)  # the task's work
    return worker


def leave(servers: DaskServers, name: str, seconds: float) -> subprocess.CompletedProcess[str]:
    given = {"DASK_SCHEDULER_ADDRESS": servers.address, "DASK_WORKER_NAME": name}
    return subprocess.run(
        [sys.executable, "-m", "hdfs_jobs.retire", f"--seconds={seconds}"],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        timeout=60,
    )


def begun(folder: Path, times: int) -> list[str]:
    """Wait until so many tasks have begun; return by which workers."""

    def lines() -> list[str]:
        return (folder / "begun").read_text().split() if (folder / "begun").exists() else []

    until(lambda: len(lines()) >= times)
    return lines()


def test_a_task_is_ended_and_no_other_begun(servers: DaskServers, tmp_path: Path) -> None:
    first = servers.start_worker(flags=["--name", "first"])
    with Client(servers.address) as client:
        long = client.submit(noted, str(tmp_path), 5, pure=False)
        assert begun(tmp_path, 1) == ["first"]
        behind = client.submit(noted, str(tmp_path), 0, pure=False)
        assert leave(servers, "first", 60).returncode == 0
        assert long.result(1) == "first"
        long.release()
        first.send_signal(signal.SIGTERM)
        servers.start_worker(flags=["--name", "second"])
        assert behind.result(20) == "second"
        assert begun(tmp_path, 2) == ["first", "second"]


def test_what_takes_too_long_is_given_up(servers: DaskServers, tmp_path: Path) -> None:
    servers.start_worker(flags=["--name", "first"])
    with Client(servers.address) as client:
        held = client.submit(noted, str(tmp_path), 8, pure=False)
        assert begun(tmp_path, 1)
        done = leave(servers, "first", 1)
        assert done.returncode == 75
        assert done.stderr == "leave: first is not done after 1 seconds\n"
        assert not held.done()


def test_who_is_not_there_has_nothing_to_end(servers: DaskServers) -> None:
    assert leave(servers, "nobody", 5).returncode == 0
    servers.scheduler.kill()
    servers.scheduler.wait()
    done = leave(servers, "nobody", 1)
    assert done.returncode == 75
    assert done.stderr.count("\n") == 1
    assert servers.address in done.stderr
