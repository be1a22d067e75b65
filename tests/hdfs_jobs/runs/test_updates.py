"""Updates on real workers, which are killed: each piece once, none too old, all replayable."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client

from hdfs_jobs.errors import InfrastructureError
from hdfs_jobs.runs.options import RunOptions
from tests.components.daskcluster import forked_workers
from tests.hdfs_jobs.iterations import OPTIONS, PIECES, Descent, Updates, kill_a_worker

DRIVER = """
import os, signal, sys
from hdfs_jobs.runs.cluster import Cluster
from tests.hdfs_jobs.iterations import Descent, Updates

def die(number):
    if number == 17:
        os.kill(os.getpid(), signal.SIGKILL)

with Cluster(sys.argv[1]) as cluster:
    work = Updates(Descent(sys.argv[2]))
    work.go(cluster.client(), saves=lambda number: number == 12, on_report=die)
"""


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two workers that come back when they are killed."""
    with forked_workers(2, Updates.__module__) as started:
        yield started


@pytest.fixture
def work(tmp_path: Path) -> Updates:
    return Updates(Descent(str(tmp_path / "descent")))


def test_updates_are_applied_as_they_come_and_the_log_gives_the_same_bytes(
    client: Client, work: Updates
) -> None:
    assert work.go(client, saves=lambda number: number == 18) == PIECES
    work.check()
    assert len(work.reports) == PIECES
    assert max(work.stale) > 0
    # A state that is saved has all pieces up to it, and no other.
    assert {one.piece for one in work.log[:18]} == set(range(18))
    assert work.go(client) == PIECES
    work.file.write_text("0 0\n")
    with pytest.raises(ValueError, match=f"the log has 1 updates, the state {PIECES}"):
        work.go(client)


@pytest.mark.parametrize("most_stale", [0, 1])
def test_no_update_is_older_than_the_limit(client: Client, tmp_path: Path, most_stale: int) -> None:
    work = Updates(Descent(str(tmp_path), slow=(3, 0.4)))
    assert work.go(client, most_stale=most_stale, updates=10) == 10
    work.check(most_stale)
    assert max(work.stale) == most_stale


def test_pieces_of_a_lane_begin_when_the_one_before_is_applied(
    client: Client, tmp_path: Path
) -> None:
    work = Updates(Descent(str(tmp_path), slow=(4, 0.2)))
    stop = threading.Event()
    made = work.go(
        client, lanes=3, stop=stop, on_report=lambda number: stop.set() if number >= 5 else None
    )
    assert 5 <= made < PIECES and made % 3 == 0
    assert work.go(client, lanes=3) == PIECES
    work.check()
    place = {one.piece: k for k, one in enumerate(work.log)}
    for piece in range(3, PIECES):
        assert work.log[place[piece]].began > place[piece - 3]


def test_workers_that_are_killed_cost_no_piece(client: Client, tmp_path: Path) -> None:
    places = (("part", 9), ("apply", 15))
    work = Updates(Descent(str(tmp_path), seconds=0.03, dies=places))
    killed = []

    def kill(number: int) -> None:
        if number >= 24 and not killed:
            killed.append(number)
            kill_a_worker(client)

    assert work.go(client, saves=lambda number: number == 12, on_report=kill) == PIECES
    assert killed and all(work.work.died(place).exists() for place, _ in places)
    work.check()


def test_a_driver_that_is_killed_goes_on_from_what_was_saved(client: Client, work: Updates) -> None:
    address = client.scheduler_info()["address"]
    driver = subprocess.run([sys.executable, "-c", DRIVER, address, work.work.folder])
    assert driver.returncode == -signal.SIGKILL
    assert work.work.load()[0] == 12
    assert work.go(client) == PIECES
    assert len(work.reports) == PIECES - 12
    work.check()


def test_what_a_piece_raises_ends_the_run(client: Client, tmp_path: Path) -> None:
    work = Updates(Descent(str(tmp_path), raises=12))
    with pytest.raises(FloatingPointError, match="piece 12 is not finite"):
        work.go(client, saves=lambda number: number == 10)
    assert work.work.load()[0] == 10


def test_a_run_without_workers_ends_and_says_so(work: Updates) -> None:
    with (
        forked_workers(1, Updates.__module__) as client,
        pytest.raises(InfrastructureError, match="no worker with a thread is left for"),
    ):
        work.go(
            client,
            updates=10_000,
            on_report=lambda number: client.cluster.scale(0),
            options=RunOptions(code=OPTIONS.code, patience=2.0),
        )
