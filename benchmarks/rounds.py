"""Measure what a round costs beyond computing, and what many workers cost driver and scheduler.

    python -m benchmarks.rounds

First two workers with a state of 1 MB, whose parts and steps take no time of their own. Then 64
simulated workers, threads of four processes, whose parts sleep: printed is what this process, which
is driver and scheduler, takes of a processor. With ``--single`` each of the 64 is a worker of its
own to Dask.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


def measure(client: object, work: Idle, rounds: int) -> tuple[float, float]:
    """Return the seconds a round beyond the sleep, and of this process; the first ones left out."""
    times = []
    taken = []

    def note(number: int, report: object) -> None:
        times.append(time.perf_counter())
        taken.append(time.process_time())

    run_rounds(
        work,
        client=client,  # type: ignore[arg-type]
        rounds=rounds,
        name="idle",
        on_report=note,
        options=RunOptions(code=Code(("hdfs_jobs", "benchmarks"))),
    )
    first = rounds // 5
    count = len(times) - 1 - first
    return (times[-1] - times[first]) / count - work.seconds, (taken[-1] - taken[first]) / count


WORKERS = """
import asyncio, sys
from distributed import Worker

async def work(address, workers, threads):
    started = [await Worker(address, nthreads=threads, memory_limit=0) for _ in range(workers)]
    await asyncio.gather(*(worker.finished() for worker in started))

asyncio.run(work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


@contextmanager
def simulated(count: int, *, single: bool) -> Iterator[object]:
    """Start so many workers, or threads of workers, in four processes; yield a client of them."""
    from distributed import Client, LocalCluster

    workers, threads = (count // 4, 1) if single else (1, count // 4)
    with (
        LocalCluster(n_workers=0, host=LOOPBACK, dashboard_address=f"{LOOPBACK}:0") as local,
        Client(local) as client,
    ):
        command = [sys.executable, "-c", WORKERS, local.scheduler_address, str(workers)]
        started = [
            subprocess.Popen([*command, str(threads)], stderr=subprocess.DEVNULL) for _ in range(4)
        ]
        try:
            client.wait_for_workers(4 * workers)
            yield client
        finally:
            for process in started:
                process.terminate()
                process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--simulated", type=int, default=64)
    parser.add_argument("--single", action="store_true")
    given = parser.parse_args()
    with Cluster(workers=2) as cluster:
        taken, _ = measure(cluster.client(), Idle(2, 1 << 18, 0.0), given.rounds)
        print(f"2 workers, 1 MB: {1e3 * taken:.1f} ms a round beyond computing")
    with simulated(given.simulated, single=given.single) as client:
        work = Idle(given.simulated, 256, 0.2)
        _, taken = measure(client, work, given.rounds // 4)
        print(f"{given.simulated} simulated workers: {1e3 * taken:.1f} ms a round")


if __name__ == "__main__":
    # Workers import what they are sent by the name of its module.
    from benchmarks import rounds

    rounds.main()
