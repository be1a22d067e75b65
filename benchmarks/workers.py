"""Measure what a second worker brings to encode and decode, and where the rest goes.

    python -m benchmarks.workers --pairs 48

One worker is held to one core, two share two; "one worker, two cores" is one process with two
threads of the engine. "work" is what the manifests say each worker spent on its shards, so what
"wall" has beyond its share of that is start-up, planning and waiting for the last shard.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from benchmarks.stages import timed
from hdfs_jobs.datasets.store import Store
from nsynth_batch.pipeline.steps import STEPS


def measure(store: str, command: str, words: list[str], cores: set[int]) -> float:
    """Time a command on some of the cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        return timed([command, "--store", store, *words])
    finally:
        os.sched_setaffinity(0, before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", default="small")
    parser.add_argument("--pairs", type=int, default=48)
    parser.add_argument("--batch", type=int, default=6, help="mash-ups a task, the same for all")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("two cores are needed")
    ways = (
        ("one worker, one core", 1, {cores[0]}),
        ("two workers, two cores", 2, set(cores[:2])),
        ("one worker, two cores", 1, set(cores[:2])),
    )
    print(f"{'what':32} {'audio s':>8} {'wall s':>8} {'work s':>8} {'times':>6}", flush=True)
    with as_file(files("nsynth_batch") / "recordings") as recordings:
        for at, step in enumerate(STEPS):
            if step.needs_model is None:
                continue
            command = step.command
            base = 0.0
            for what, workers, held in ways:
                with tempfile.TemporaryDirectory() as folder:
                    store = str(Path(folder) / "store")
                    timed(["harvest", str(recordings), "--store", store])
                    words = {
                        "shard": [],
                        "encode": ["--checkpoint", options.checkpoint],
                        "mash": ["--pairs", str(options.pairs)],
                        "decode": ["--checkpoint", options.checkpoint],
                    }
                    words["decode"] += ["--batch", str(options.batch)]
                    for earlier in (before.command for before in STEPS[:at]):
                        timed([earlier, "--store", store, *words[earlier]])
                    here = [*words[command], "--workers", str(workers)]
                    wall = measure(store, command, here, held)
                    done = Store.open(store).current_of(step.dataset)
                    if done is None:
                        raise SystemExit(f"{command} left no {step.dataset}")
                    summaries = list(done.summaries())
                    seconds = sum(one.seconds for one in summaries)
                    work = sum(one.wall_seconds for one in summaries)
                    base = base or wall
                    print(
                        f"{command + ', ' + what:32} {seconds:8.1f} {wall:8.2f} {work:8.2f} "
                        f"{base / wall:6.2f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
