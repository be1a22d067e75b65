"""Measure what a round costs beyond computing, and what many workers cost driver and scheduler.

    python -m benchmarks.rounds

First two workers with a state of 1 MB, whose parts and steps take no time of their own. Then 64
simulated workers, threads of four processes, whose parts sleep: printed is what driver and
scheduler, which share this process, take of a processor.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hdfs_jobs.runs.cluster import LOOPBACK, Cluster
from hdfs_jobs.runs.code import Code
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.rounds import run_rounds

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Idle:
    """Parts that sleep, and are as large as the state."""

    parts: int
    floats: int
    seconds: float

    def load(self) -> tuple[int, Vector]:
        return 0, np.zeros(self.floats, np.float32)

    def part(self, state: Vector, number: int, index: int) -> Vector:
        time.sleep(self.seconds)
        return state

    def add(self, a: Vector, b: Vector) -> Vector:
        return a

    def apply(self, state: Vector, number: int, total: Vector) -> Vector:
        return state.copy()

    def report(self, state: Vector, number: int) -> None:
        return None

    def save(self, state: Vector, number: int) -> None:
        return


def measure(client: object, work: Idle, rounds: int) -> float:
    """Return the seconds a round beyond the sleep, the first ones left out."""
    times = []
    run_rounds(
        work,
        client=client,  # type: ignore[arg-type]
        rounds=rounds,
        name="idle",
        on_report=lambda number, report: times.append(time.perf_counter()),
        options=RunOptions(code=Code(("hdfs_jobs", "benchmarks"))),
    )
    first = rounds // 5
    return (times[-1] - times[first]) / (len(times) - 1 - first) - work.seconds


def main() -> None:
    from distributed import Client, LocalCluster

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--simulated", type=int, default=64)
    given = parser.parse_args()
    with Cluster(workers=2) as cluster:
        taken = measure(cluster.client(), Idle(2, 1 << 18, 0.0), given.rounds)
        print(f"2 workers, 1 MB: {1e3 * taken:.1f} ms a round beyond computing")
    with (
        LocalCluster(
            n_workers=4,
            threads_per_worker=given.simulated // 4,
            host=LOOPBACK,
            dashboard_address=f"{LOOPBACK}:0",
        ) as local,
        Client(local) as client,
    ):
        work = Idle(given.simulated, 256, 0.2)
        begun = time.process_time()
        measure(client, work, given.rounds // 8)
        taken = (time.process_time() - begun) / (given.rounds // 8)
        print(f"{given.simulated} simulated workers: {1e3 * taken:.1f} ms a round")


if __name__ == "__main__":
    main()
