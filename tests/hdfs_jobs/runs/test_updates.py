"""Updates on real workers, which are killed: each piece once, none too old, all replayable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from distributed import Client

from hdfs_jobs.errors import InfrastructureError
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.code import Code
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.updates import Applied, run_updates

DRIVER = """
import os, signal, sys
from hdfs_jobs.runs.cluster import Cluster
from tests.hdfs_jobs.runs.test_updates import Descent, Run

def die(number, *_):
    if number == 27:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    with Cluster(workers=2) as cluster:
        Run(Descent(sys.argv[1]), on_report=die).go(cluster.client(), saves=lambda n: n == 20)
"""

Vector = npt.NDArray[np.float32]
CODE = RunOptions(code=Code(("hdfs_jobs", "tests")), patience=20.0)
PIECES = 48


@dataclass(frozen=True)
class Descent:
    """A vector that moves by what hangs on itself, so that every order has other bits."""

    folder: str
    slow: tuple[int, float] = (-1, 0.0)
    seconds: float = 0.005
    raises: int = -1
    dies: tuple[str, int] = ("", -1)

    @property
    def parts(self) -> int:
        return 1

    def load(self) -> tuple[int, Vector]:
        saved = sorted(Path(self.folder).glob("*.npy"))
        if not saved:
            return 0, np.ones(200, np.float32)
        return int(saved[-1].stem), np.load(saved[-1])

    def part(self, state: Vector, number: int, index: int) -> Vector:
        self._die("part", index)
        if index == self.raises:
            raise FloatingPointError(f"piece {index} is not finite")
        time.sleep(self.slow[1] if index == self.slow[0] else self.seconds)
        draw = np.random.default_rng(index)
        return np.float32(0.1) * state * draw.normal(size=200).astype(np.float32)

    def add(self, a: Vector, b: Vector) -> Vector:
        raise AssertionError("nothing is added")

    def apply(self, state: Vector, number: int, total: Vector) -> Vector:
        self._die("apply", number)
        return state - total / np.float32(number + 1)

    def report(self, state: Vector, number: int) -> float:
        return float(state.sum())

    def save(self, state: Vector, number: int) -> None:
        np.save(Path(self.folder) / f"{number:06}.npy", state)

    def _die(self, place: str, number: int) -> None:
        if self.dies == (place, number):
            with suppress(FileExistsError):
                (Path(self.folder) / "died").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Run:
    """A run, its reports and what was logged; the log lies beside what is saved."""

    work: Descent
    reports: list[float] = field(default_factory=list)
    stale: list[int] = field(default_factory=list)
    on_report: Callable[..., None] = lambda *_: None

    def __post_init__(self) -> None:
        Path(self.work.folder).mkdir(exist_ok=True)
        self.file = Path(self.work.folder) / "log.txt"

    @property
    def log(self) -> list[Applied]:
        if not self.file.exists():
            return []
        return [Applied(*map(int, line.split())) for line in self.file.read_text().splitlines()]

    def go(self, client: Client, **options: Any) -> int:
        numbers = []

        def report(number: int, found: float, stale: int) -> None:
            numbers.append(number)
            self.reports.append(found)
            self.stale.append(stale)
            self.on_report(number, found, stale)

        def save(log: Sequence[Applied]) -> None:
            self.file.write_text("".join(f"{one.piece} {one.began}\n" for one in log))

        given = {"most_stale": 3, "options": CODE, "keep_updates": 10, "updates": PIECES, **options}
        made = run_updates(
            self.work, client=client, name="descent", on_report=report, on_save=save,
            log=self.log, **given,
        )  # fmt: skip
        assert numbers == sorted(set(numbers))
        return made

    def check(self, most_stale: int = 3) -> None:
        """Check the log, and that it gives the same bytes in this process."""
        log = self.log
        assert sorted(one.piece for one in log) == list(range(len(log)))
        assert all(0 <= k - one.began <= most_stale for k, one in enumerate(log))
        states = [np.ones(200, np.float32)]
        again = Descent(self.work.folder, seconds=0.0)
        for number, (piece, began) in enumerate(log):
            update = again.part(states[began], began, piece)
            states.append(again.apply(states[-1], number, update))
        number, saved = again.load()
        assert number == len(log)
        assert saved.tobytes() == states[-1].tobytes()


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two workers that come back when they are killed."""
    with Cluster(workers=2) as cluster:
        yield cluster.client()


def kill_one(client: Client) -> None:
    # Of a worker that is gone already there is no answer.
    pids = sorted(pid for pid in client.run(os.getpid, on_error="ignore").values() if pid)
    if pids:
        os.kill(pids[0], signal.SIGKILL)


def test_updates_are_applied_as_they_come_and_the_log_gives_the_same_bytes(
    client: Client, tmp_path: Path
) -> None:
    run = Run(Descent(str(tmp_path)))
    assert run.go(client, saves=lambda number: number == 24) == PIECES
    run.check()
    assert len(run.reports) == PIECES
    assert max(run.stale) > 0
    # A state that is saved has all pieces up to it, and no other.
    assert {one.piece for one in run.log[:24]} == set(range(24))
    assert Run(Descent(str(tmp_path))).go(client) == PIECES


@pytest.mark.parametrize("most_stale", [0, 1])
def test_no_update_is_older_than_the_limit(client: Client, tmp_path: Path, most_stale: int) -> None:
    run = Run(Descent(str(tmp_path), slow=(3, 0.4)))
    assert run.go(client, most_stale=most_stale, updates=16) == 16
    run.check(most_stale)
    assert max(run.stale) == most_stale


def test_pieces_of_a_lane_begin_when_the_one_before_is_applied(
    client: Client, tmp_path: Path
) -> None:
    run = Run(Descent(str(tmp_path), slow=(4, 0.2)))
    stop = threading.Event()
    run.on_report = lambda number, *_: stop.set() if number >= 5 else None
    made = run.go(client, lanes=3, stop=stop)
    assert 5 <= made < PIECES and made % 3 == 0
    assert run.go(client, lanes=3) == PIECES
    run.check()
    place = {one.piece: k for k, one in enumerate(run.log)}
    for piece in range(3, PIECES):
        assert run.log[place[piece]].began > place[piece - 3]


@pytest.mark.parametrize("dies", [("part", 17), ("apply", 23)])
def test_a_worker_that_is_killed_costs_no_piece(
    client: Client, tmp_path: Path, dies: tuple[str, int]
) -> None:
    run = Run(Descent(str(tmp_path), dies=dies))
    assert run.go(client, saves=lambda number: number == 20) == PIECES
    assert (tmp_path / "died").exists()
    run.check()


def test_workers_killed_again_and_again_cost_no_piece(client: Client, tmp_path: Path) -> None:
    killed = []

    def kill(number: int, *_: object) -> None:
        if number >= 12 * (len(killed) + 1):
            killed.append(number)
            kill_one(client)

    run = Run(Descent(str(tmp_path), seconds=0.03), on_report=kill)
    assert run.go(client, saves=lambda number: number % 15 == 0) == PIECES
    assert len(killed) >= 2
    run.check()


def test_a_driver_that_is_killed_goes_on_from_what_was_saved(
    client: Client, tmp_path: Path
) -> None:
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)])
    assert driver.wait() == -signal.SIGKILL
    assert Descent(str(tmp_path)).load()[0] == 20
    run = Run(Descent(str(tmp_path)))
    assert run.go(client) == PIECES
    assert len(run.reports) == PIECES - 20
    run.check()


def test_what_a_piece_raises_ends_the_run(client: Client, tmp_path: Path) -> None:
    run = Run(Descent(str(tmp_path), raises=12))
    with pytest.raises(FloatingPointError, match="piece 12 is not finite"):
        run.go(client, saves=lambda number: number == 10)
    assert Descent(str(tmp_path)).load()[0] == 10


def test_a_log_that_is_too_short_is_refused(client: Client, tmp_path: Path) -> None:
    run = Run(Descent(str(tmp_path)))
    run.go(client, updates=6)
    run.file.write_text("0 0\n")
    with pytest.raises(ValueError, match="the log has 1 updates, the state 6"):
        run.go(client)


def test_a_run_without_workers_ends_and_says_so(tmp_path: Path) -> None:
    with Cluster(workers=1) as cluster:
        client = cluster.client()

        def dismiss(*_: object) -> None:
            client.cluster.scale(0)

        run = Run(Descent(str(tmp_path)), on_report=dismiss)
        with pytest.raises(InfrastructureError, match="no worker with a thread is left for"):
            run.go(client, updates=10_000, options=RunOptions(code=CODE.code, patience=2.0))
