"""Iterations that the tests run on real workers; the workers import this module by its name."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from distributed import Client

from hdfs_jobs.runs.code import Code
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.rounds import run_rounds
from hdfs_jobs.runs.updates import Applied, run_updates

Vector = npt.NDArray[np.float32]
OPTIONS = RunOptions(code=Code(("hdfs_jobs", "tests")), patience=20.0)
ROUNDS = 30
PIECES = 36


@dataclass(frozen=True)
class Saved:
    """A vector that is saved in a folder.

    A worker kills itself the first time that it is in one of the places of `dies`.
    """

    folder: str
    seconds: float = 0.0
    raises: int = -1
    dies: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        Path(self.folder).mkdir(exist_ok=True)

    def load(self) -> tuple[int, Vector]:
        saved = sorted(Path(self.folder).glob("*.npy"))
        if not saved:
            return 0, np.ones(300, np.float32)
        return int(saved[-1].stem), np.load(saved[-1])

    def save(self, state: Vector, number: int) -> None:
        self.die("save", number)
        np.save(Path(self.folder) / f"{number:06}.npy", state)

    def report(self, state: Vector, number: int) -> str:
        return hashlib.sha256(state.tobytes()).hexdigest()

    def die(self, place: str, number: int) -> None:
        if (place, number) in self.dies:
            with suppress(FileExistsError):
                self.died(place).touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)

    def died(self, place: str) -> Path:
        return Path(self.folder) / f"died-in-{place}"


@dataclass(frozen=True)
class Walk(Saved):
    """A vector that is moved by sums of float32 numbers, in which every order has other bits."""

    parts: int = 6
    marks: bool = False

    def part(self, state: Vector, number: int, index: int) -> Vector:
        self.die("part", number)
        if self.marks:
            (Path(self.folder) / f"worker-{os.getpid()}").touch()
        if number == self.raises:
            raise FloatingPointError(f"round {number}: crop {index} is not finite")
        time.sleep(self.seconds)
        draw = np.random.default_rng([number, index])
        return np.float32(1e-3) * state + draw.normal(size=len(state)).astype(np.float32)

    def add(self, a: Vector, b: Vector) -> Vector:
        self.die("add", -1)
        return a + b

    def apply(self, state: Vector, number: int, total: Vector) -> Vector:
        self.die("apply", number)
        return state + total / np.float32(self.parts)


def walk(client: Client, walk: Walk, rounds: int = ROUNDS, **options: Any) -> list[str]:
    """Return the reports, one after the other; `on_report` is called with each as well."""
    found: list[tuple[int, str]] = []
    also = options.pop("on_report", lambda number, report: None)

    def report(number: int, report: str) -> None:
        found.append((number, report))
        also(number, report)

    made = run_rounds(
        walk,
        client=client,
        rounds=rounds,
        name="walk",
        on_report=report,
        **{"options": OPTIONS, "keep_rounds": 6, **options},
    )
    numbers = [number for number, _ in found]
    assert numbers == sorted(set(numbers))
    assert not found or numbers[-1] == made
    return [report for _, report in found]


@dataclass(frozen=True)
class Descent(Saved):
    """A vector that moves by what hangs on itself, so that every order has other bits."""

    seconds: float = 0.005
    slow: tuple[int, float] = (-1, 0.0)

    @property
    def parts(self) -> int:
        return 1

    def part(self, state: Vector, number: int, index: int) -> Vector:
        self.die("part", index)
        if index == self.raises:
            raise FloatingPointError(f"piece {index} is not finite")
        time.sleep(self.slow[1] if index == self.slow[0] else self.seconds)
        draw = np.random.default_rng(index)
        return np.float32(0.1) * state * draw.normal(size=len(state)).astype(np.float32)

    def add(self, a: Vector, b: Vector) -> Vector:
        raise AssertionError("nothing is added")

    def apply(self, state: Vector, number: int, total: Vector) -> Vector:
        self.die("apply", number)
        return state - total / np.float32(number + 1)


@dataclass
class Updates:
    """Updates of a descent, their reports and what was logged, which lies beside what is saved."""

    work: Descent
    reports: list[str] = field(default_factory=list)
    stale: list[int] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return Path(self.work.folder) / "log.txt"

    @property
    def log(self) -> list[Applied]:
        if not self.file.exists():
            return []
        return [Applied(*map(int, line.split())) for line in self.file.read_text().splitlines()]

    def go(self, client: Client, **options: Any) -> int:
        numbers = []
        also = options.pop("on_report", lambda number: None)

        def report(number: int, found: str, stale: int) -> None:
            numbers.append(number)
            self.reports.append(found)
            self.stale.append(stale)
            also(number)

        def save(log: Sequence[Applied]) -> None:
            self.file.write_text("".join(f"{one.piece} {one.began}\n" for one in log))

        made = run_updates(
            self.work,
            client=client,
            name="descent",
            on_report=report,
            on_save=save,
            log=self.log,
            **{
                **{"most_stale": 3, "options": OPTIONS, "keep_updates": 10, "updates": PIECES},
                **options,
            },
        )
        assert numbers == sorted(set(numbers))
        return made

    def check(self, most_stale: int = 3) -> None:
        """Check the log, and that it gives the same bytes in this process."""
        log = self.log
        assert sorted(one.piece for one in log) == list(range(len(log)))
        assert all(0 <= k - one.began <= most_stale for k, one in enumerate(log))
        again = Descent(self.work.folder, seconds=0.0)
        states = [np.ones(300, np.float32)]
        for number, (piece, began) in enumerate(log):
            update = again.part(states[began], began, piece)
            states.append(again.apply(states[-1], number, update))
        number, saved = again.load()
        assert number == len(log)
        assert saved.tobytes() == states[-1].tobytes()


def kill_a_worker(client: Client, place: int = 0) -> None:
    """Kill one of the workers that answer."""
    # Of a worker that is gone already there is no answer.
    pids = sorted(pid for pid in client.run(os.getpid, on_error="ignore").values() if pid)
    if pids:
        os.kill(pids[place % len(pids)], signal.SIGKILL)
