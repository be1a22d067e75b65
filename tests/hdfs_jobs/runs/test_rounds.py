"""Rounds on real workers, which are killed in every place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, Status, Worker

from hdfs_jobs.errors import InfrastructureError
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.events import RoundsRepeated
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.round_tasks import tree_sum
from tests.components.daskcluster import dask_servers, forked_workers, worker_threads
from tests.hdfs_jobs.iterations import OPTIONS, ROUNDS, Walk, kill_a_worker, walk

DRIVER = """
import os, signal, sys
from hdfs_jobs.runs.cluster import Cluster
from tests.hdfs_jobs.iterations import Walk, walk

def save_and_die(number):
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return number == 10

with Cluster(sys.argv[1]) as cluster:
    walk(cluster.client(), Walk(sys.argv[2]), saves=save_and_die)
"""

IMPATIENT = RunOptions(code=OPTIONS.code, patience=2.0)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two workers that come back when they are killed."""
    with forked_workers(2, Walk.__module__) as started:
        yield started


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the reports of a walk in this process, by a plain loop."""
    plain = Walk(str(tmp_path_factory.mktemp("plain")))
    _, state = plain.load()
    reports = []
    for number in range(2 * ROUNDS):
        a, b, c, d, e, f = (plain.part(state, number, k) for k in range(6))
        state = plain.apply(state, number, ((a + b) + (c + d)) + (e + f))
        reports.append(plain.report(state, number + 1))
    return reports


def test_the_result_has_the_same_bits_on_any_number_of_workers(
    tmp_path: Path, expected: list[str]
) -> None:
    with forked_workers(1, Walk.__module__) as client:
        one = Walk(str(tmp_path / "one"))
        assert walk(client, one) == expected[:ROUNDS]
        number, state = one.load()
        assert (number, one.report(state, number)) == (ROUNDS, expected[ROUNDS - 1])

        def add(number: int) -> bool:
            if number in {6, 14, 22}:
                count = 2 + number // 8
                client.cluster.scale(count)
                client.wait_for_workers(count)
            return False

        seen = Walk(str(tmp_path / "more"), marks=True)
        # Who waits for workers no longer than this looks for new ones as often.
        eager = RunOptions(code=OPTIONS.code, patience=0.01)
        assert walk(client, seen, saves=add, options=eager) == expected[:ROUNDS]
        assert len(list((tmp_path / "more").glob("worker-*"))) > 1

        def dismiss(number: int, _: object) -> None:
            if number == ROUNDS + 5:
                client.cluster.scale(0)

        with pytest.raises(InfrastructureError, match="no worker with a thread is left for"):
            walk(client, one, rounds=500, on_report=dismiss, options=IMPATIENT)


def test_a_driver_and_a_scheduler_that_are_killed_cost_what_is_not_saved(
    tmp_path: Path, expected: list[str]
) -> None:
    work = Walk(str(tmp_path / "walk"))
    with dask_servers(tmp_path) as servers:
        servers.start_worker()
        driver = subprocess.run([sys.executable, "-c", DRIVER, servers.address, work.folder])
        assert driver.returncode == -signal.SIGKILL
        assert work.load()[0] == 10

        reports: list[str] = []

        def kill_the_scheduler(number: int, report: str) -> None:
            reports.append(report)
            if number == 17:
                servers.scheduler.kill()

        with (
            Cluster(servers.address) as cluster,
            pytest.raises(InfrastructureError, match=r"the scheduler (went away|does not answer)"),
        ):
            walk(
                cluster.client(),
                work,
                saves=lambda number: number == 15,
                on_report=kill_the_scheduler,
                options=IMPATIENT,
            )
        assert work.load()[0] == 15
        assert reports == expected[10 : 10 + len(reports)]
        servers.scheduler = servers.start_scheduler()
        servers.start_worker()
        with Cluster(servers.address) as cluster:
            assert walk(cluster.client(), work) == expected[15:ROUNDS]


def test_workers_that_are_killed_change_no_bit(
    tmp_path: Path, expected: list[str], client: Client
) -> None:
    places = (("add", -1), ("part", 11), ("apply", 16), ("save", 20))
    work = Walk(str(tmp_path / "walk"), dies=places)
    killed = []

    def kill_in_turn(number: int, _: object) -> None:
        if number in {5, 25}:
            kill_a_worker(client, len(killed))
            killed.append(number)

    found = walk(client, work, saves=lambda number: number == 20, on_report=kill_in_turn)
    assert found == expected[:ROUNDS]
    assert killed == [5, 25]
    assert all(work.died(place).exists() for place, _ in places)


def test_all_workers_at_once_cost_what_is_not_saved(
    tmp_path: Path, expected: list[str], client: Client
) -> None:
    events: list[object] = []

    def kill_all(number: int, _: object) -> None:
        if number == 14:
            for pid in client.run(os.getpid).values():
                os.kill(pid, signal.SIGKILL)

    found = walk(
        client,
        Walk(str(tmp_path), seconds=0.01),
        saves=lambda number: number == 10,
        on_report=kill_all,
        on_event=events.append,
    )
    assert found == expected[:ROUNDS]
    assert any(isinstance(event, RoundsRepeated) for event in events)


def test_a_worker_that_is_paused_is_done_without(
    tmp_path: Path, expected: list[str], client: Client
) -> None:
    paused = []

    def be(status: str, dask_worker: Worker) -> None:
        dask_worker.status = Status[status]

    def pause(number: int, _: object) -> None:
        if number == 5:
            paused.append(min(client.nthreads()))
            client.run(be, "paused", workers=paused)
        if number == 20:
            client.run(be, "running", workers=paused)

    work = Walk(str(tmp_path), seconds=0.01)
    assert walk(client, work, on_report=pause) == expected[:ROUNDS]
    assert paused


@pytest.mark.parametrize("workers", [10, 21])
def test_sums_of_many_workers_are_added_on_the_way(tmp_path: Path, workers: int) -> None:
    plain = Walk(str(tmp_path / "plain"), parts=20)
    _, state = plain.load()
    expected = []
    for number in range(8):
        made = [plain.part(state, number, k) for k in range(20)]
        state = plain.apply(state, number, tree_sum(range(20), made.__getitem__, plain.add))
        expected.append(plain.report(state, number + 1))
    with worker_threads(workers) as client:
        assert walk(client, Walk(str(tmp_path / "walk"), parts=20), rounds=8) == expected


def test_a_run_goes_on_from_what_was_saved_and_the_scheduler_forgets_what_is_behind(
    tmp_path: Path, expected: list[str], client: Client
) -> None:
    stop = threading.Event()
    work = Walk(str(tmp_path))
    begun = walk(
        client, work, on_report=lambda number, _: stop.set() if number == 8 else None, stop=stop
    )
    # Rounds are given to Dask some at a time; none is begun beyond those.
    assert 8 <= len(begun) <= 20
    assert work.load()[0] == len(begun)

    tasks = []

    def count(number: int, _: object) -> None:
        if number % 6 == 0:
            tasks.append(client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)))

    assert walk(client, work, rounds=2 * ROUNDS, on_report=count) == expected[len(begun) :]
    # A round has two tasks, so that those of all that is left would be 80 at least.
    assert max(tasks) < 60
    assert walk(client, work, rounds=2 * ROUNDS) == []


def test_a_state_is_kept_on_a_worker_that_has_no_part(tmp_path: Path, client: Client) -> None:
    plain = Walk(str(tmp_path / "plain"), parts=1)
    _, state = plain.load()
    expected = []
    for number in range(ROUNDS):
        state = plain.apply(state, number, plain.part(state, number, 0))
        expected.append(plain.report(state, number + 1))
    # It dies with the only part there is, three rounds after the state was kept.
    work = Walk(str(tmp_path / "walk"), parts=1, dies=(("apply", 15),))
    assert walk(client, work) == expected
    assert work.died("apply").exists()


def test_what_a_part_raises_ends_the_run(tmp_path: Path, client: Client) -> None:
    work = Walk(str(tmp_path), raises=12)
    with pytest.raises(FloatingPointError, match=r"round 12: crop \d is not finite"):
        walk(client, work, saves=lambda number: number == 10)
    assert work.load()[0] == 10
