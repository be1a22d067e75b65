"""Rounds in stages on real workers: parts that need sums of all parts on their way."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hdfs_jobs.runs.code import Code
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.round_tasks import tree_sum
from hdfs_jobs.runs.rounds import run_rounds
from tests.components.daskcluster import forked_workers

Vector = npt.NDArray[np.float32]
CODE = RunOptions(code=Code(("hdfs_jobs", "tests")))
PARTS, ROUNDS = 20, 4


@dataclass(frozen=True)
class Spread:
    """Vectors less their mean, then less it again with their spread: three stages."""

    folder: str
    dies: tuple[int, int] = (-1, -1)
    parts: int = PARTS
    stages: int = 3

    def load(self) -> tuple[int, Vector]:
        saved = Path(self.folder) / "state.npy"
        return (ROUNDS, np.load(saved)) if saved.exists() else (0, np.ones(50, np.float32))

    def stage(
        self, state: Vector, number: int, index: int, stage: int, carried: Any, total: Any
    ) -> tuple[Any, Vector]:
        if (number, stage) == self.dies:
            with suppress(FileExistsError):
                (Path(self.folder) / "died").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
        if stage == 0:
            draw = np.random.default_rng([number, index])
            made = state * draw.normal(size=50).astype(np.float32)
            return made, made
        less = carried - total / np.float32(PARTS)
        if stage == 1:
            return less, np.square(less)
        # The last stage has the sum of squares for its total, and what it carries is left out.
        return None, carried / np.sqrt(total + np.float32(1)) + np.float32(index)

    def add(self, a: Vector, b: Vector) -> Vector:
        return a + b

    def apply(self, state: Vector, number: int, total: Vector) -> Vector:
        return state + total / np.float32(100)

    def report(self, state: Vector, number: int) -> bytes:
        return state.tobytes()

    def save(self, state: Vector, number: int) -> None:
        np.save(Path(self.folder) / "state.npy", state)


def test_stages_have_the_same_bits_on_any_workers_and_after_a_kill(tmp_path: Path) -> None:
    plain = Spread(str(tmp_path))
    _, state = plain.load()
    expected: list[bytes] = []
    for number in range(ROUNDS):
        carried, total = [None] * PARTS, None
        for stage in range(plain.stages):
            made = [plain.stage(state, number, k, stage, carried[k], total) for k in range(PARTS)]
            carried = [one for one, _ in made]
            total = tree_sum([adds for _, adds in made], lambda adds: adds, plain.add)
        assert total is not None
        state = plain.apply(state, number, total)
        expected.append(plain.report(state, number))

    with forked_workers(1, Spread.__module__) as client:
        for workers, dies in ((1, (-1, -1)), (3, (2, 1))):
            client.cluster.scale(workers)
            client.wait_for_workers(workers)
            folder = tmp_path / f"{workers}-{dies[1]}"
            folder.mkdir()
            found: list[bytes] = []
            made = run_rounds(
                Spread(str(folder), dies),
                client=client,
                rounds=ROUNDS,
                name="spread",
                on_report=lambda number, report, found=found: found.append(report),
                options=CODE,
            )
            assert made == ROUNDS
            assert found == expected
            assert (folder / "died").exists() == (dies[0] >= 0)
            assert np.load(folder / "state.npy").tobytes() == expected[-1]
