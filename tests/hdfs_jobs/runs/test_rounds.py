"""Rounds on real workers, which are killed in every place."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from distributed import Client

from hdfs_jobs.errors import InfrastructureError
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.code import Code
from hdfs_jobs.runs.events import RoundsRepeated
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.rounds import run_rounds

DRIVER = """
import os, signal, sys
from tests.hdfs_jobs.runs.test_rounds import Walk, walk, workers

def save_and_die(number):
    if number == 27:
        os.kill(os.getpid(), signal.SIGKILL)
    return number == 20

if __name__ == "__main__":
    with workers(1) as client:
        walk(client, Walk(sys.argv[1]), saves=save_and_die)
"""

Vector = npt.NDArray[np.float32]
CODE = RunOptions(code=Code(("hdfs_jobs", "tests")), patience=20.0)


@dataclass(frozen=True)
class Walk:
    """A vector that is moved by sums of float32 numbers, in which every order has other bits."""

    folder: str
    parts: int = 6
    width: int = 500
    seconds: float = 0.0
    dies: tuple[str, int] = ("", -1)
    raises: int = -1
    marks: bool = False

    def __post_init__(self) -> None:
        Path(self.folder).mkdir(exist_ok=True)

    def load(self) -> tuple[int, Vector]:
        saved = sorted(Path(self.folder).glob("*.npy"))
        if not saved:
            return 0, np.zeros(self.width, np.float32)
        return int(saved[-1].stem), np.load(saved[-1])

    def part(self, state: Vector, number: int, index: int) -> Vector:
        self._die("part", number)
        if self.marks:
            (Path(self.folder) / f"worker-{os.getpid()}").touch()
        if number == self.raises:
            raise FloatingPointError(f"round {number}: crop {index} is not finite")
        time.sleep(self.seconds)
        draw = np.random.default_rng([number, index])
        return np.float32(1e-3) * state + draw.normal(size=self.width).astype(np.float32)

    def add(self, a: Vector, b: Vector) -> Vector:
        self._die("add", -1)
        return a + b

    def apply(self, state: Vector, number: int, total: Vector) -> Vector:
        self._die("apply", number)
        return state + total / np.float32(self.parts)

    def report(self, state: Vector, number: int) -> str:
        return hashlib.sha256(state.tobytes()).hexdigest()

    def save(self, state: Vector, number: int) -> None:
        self._die("save", number)
        np.save(Path(self.folder) / f"{number:06}.npy", state)

    def _die(self, place: str, number: int) -> None:
        """Kill this worker the first time that it is there."""
        if self.dies == (place, number):
            with suppress(FileExistsError):
                (Path(self.folder) / "died").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def workers(count: int) -> Iterator[Client]:
    with Cluster(workers=count) as cluster:
        yield cluster.client()


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two workers that come back when they are killed."""
    with workers(2) as found:
        yield found


def walk(client: Client, walk: Walk, rounds: int = 60, **options: Any) -> list[str]:
    """Return the reports, one after the other."""
    found: list[tuple[int, str]] = []
    made = run_rounds(
        walk,
        client=client,
        rounds=rounds,
        name="walk",
        on_report=lambda number, report: found.append((number, report)),
        **{"options": CODE, "keep_rounds": 10, **options},
    )
    numbers = [number for number, _ in found]
    assert numbers == sorted(set(numbers))
    assert not found or numbers[-1] == made
    return [report for _, report in found]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the reports of a walk in this process, by a plain loop."""
    plain = Walk(str(tmp_path_factory.mktemp("plain")))
    _, state = plain.load()
    reports = []
    for number in range(60):
        a, b, c, d, e, f = (plain.part(state, number, k) for k in range(6))
        state = plain.apply(state, number, ((a + b) + (c + d)) + (e + f))
        reports.append(plain.report(state, number + 1))
    return reports


def test_the_result_has_the_same_bits_on_any_number_of_workers(
    tmp_path: Path, expected: list[str]
) -> None:
    with workers(1) as client:
        assert walk(client, Walk(str(tmp_path / "one"))) == expected
        number, state = Walk(str(tmp_path / "one")).load()
        assert (number, hashlib.sha256(state.tobytes()).hexdigest()) == (60, expected[-1])

        def add(number: int) -> bool:
            if number in {12, 24}:
                client.cluster.scale(number // 12 + 1)
                client.wait_for_workers(number // 12 + 1)
            return False

        seen = Walk(str(tmp_path / "more"), marks=True)
        # Who waits for workers no longer than this looks for new ones as often.
        eager = RunOptions(code=CODE.code, patience=0.01)
        assert walk(client, seen, saves=add, options=eager) == expected
        assert len(list((tmp_path / "more").glob("worker-*"))) > 1
        client.cluster.scale(4)
        client.wait_for_workers(4)
        assert walk(client, Walk(str(tmp_path / "four"))) == expected


def test_a_driver_that_is_killed_goes_on_from_what_was_saved(
    tmp_path: Path, expected: list[str], client: Client
) -> None:
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)])
    assert driver.wait() == -signal.SIGKILL
    assert Walk(str(tmp_path)).load()[0] == 20
    assert walk(client, Walk(str(tmp_path))) == expected[20:]


@pytest.mark.parametrize("dies", [("part", 33), ("add", -1), ("apply", 29), ("save", 40)])
def test_a_worker_that_is_killed_changes_no_bit(
    tmp_path: Path, expected: list[str], client: Client, dies: tuple[str, int]
) -> None:
    found = walk(client, Walk(str(tmp_path), dies=dies), saves=lambda number: number == 40)
    assert (tmp_path / "died").exists()
    assert found == expected


def test_workers_killed_again_and_again_change_no_bit(
    tmp_path: Path, expected: list[str], client: Client
) -> None:
    killed = []

    def kill_in_turn(number: int) -> bool:
        if number % 12 == 5 and number not in killed:
            pids = sorted(client.run(os.getpid, on_error="ignore").values())
            os.kill(pids[len(killed) % len(pids)], signal.SIGKILL)
            killed.append(number)
        return number % 15 == 0

    assert walk(client, Walk(str(tmp_path)), saves=kill_in_turn)[-1] == expected[-1]
    assert killed == [5, 17, 29, 41, 53]


def test_all_workers_at_once_cost_what_is_not_saved(
    tmp_path: Path, expected: list[str], client: Client
) -> None:
    events: list[object] = []

    def kill_all(number: int, _: object) -> None:
        if number == 27:
            for pid in client.run(os.getpid).values():
                os.kill(pid, signal.SIGKILL)

    slow = Walk(str(tmp_path), seconds=0.01)
    made = run_rounds(
        slow,
        client=client,
        rounds=60,
        name="walk",
        on_report=kill_all,
        saves=lambda number: number == 20,
        options=CODE,
        keep_rounds=10,
        on_event=events.append,
    )
    assert made == 60
    number, state = slow.load()
    assert slow.report(state, number) == expected[-1]
    assert any(isinstance(event, RoundsRepeated) for event in events)


def test_a_run_goes_on_from_what_was_saved(
    tmp_path: Path, expected: list[str], client: Client
) -> None:
    stop = threading.Event()

    def until(last: int) -> Callable[[int, Any], None]:
        return lambda number, _: stop.set() if number == last else None

    made = run_rounds(
        Walk(str(tmp_path)),
        client=client,
        rounds=60,
        name="walk",
        on_report=until(23),
        stop=stop,
        options=CODE,
        keep_rounds=10,
    )
    # Rounds are given to Dask some at a time; none is begun beyond those.
    assert 23 <= made <= 40
    assert Walk(str(tmp_path)).load()[0] == made
    assert walk(client, Walk(str(tmp_path))) == expected[made:]
    assert walk(client, Walk(str(tmp_path))) == []


def test_what_a_part_raises_ends_the_run(tmp_path: Path, client: Client) -> None:
    with pytest.raises(FloatingPointError, match=r"round 12: crop \d is not finite"):
        walk(client, Walk(str(tmp_path), raises=12), saves=lambda number: number == 10)
    assert Walk(str(tmp_path)).load()[0] == 10


def test_the_scheduler_forgets_what_is_behind_a_state_that_is_kept(
    tmp_path: Path, client: Client
) -> None:
    tasks = []

    def count(number: int, _: object) -> None:
        if number % 10 == 0:
            tasks.append(client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)))

    run_rounds(
        Walk(str(tmp_path)), client=client, rounds=200, name="walk", on_report=count,
        options=CODE, keep_rounds=10,
    )  # fmt: skip
    # A round has five tasks, so that those of the second half are 500.
    assert max(tasks[10:]) < max(tasks[:10]) + 100


def test_a_run_without_workers_ends_and_says_so(tmp_path: Path) -> None:
    with workers(1) as client:

        def dismiss(number: int, _: object) -> None:
            if number == 5:
                client.cluster.scale(0)

        with pytest.raises(InfrastructureError, match="no worker with a thread is left for"):
            run_rounds(
                Walk(str(tmp_path)), client=client, rounds=500, name="walk", on_report=dismiss,
                options=RunOptions(code=CODE.code, patience=2.0),
            )  # fmt: skip
