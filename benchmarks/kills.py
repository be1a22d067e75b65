"""See that workers killed again and again change no byte of a training.

    python -m benchmarks.kills --every 20 --seconds 120

A small model is trained synchronously on two workers, one of which is killed every so often, in
turn, for so long; and then again, undisturbed.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import hashlib
import signal
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from distributed import Client

from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.options import RunOptions
from nsynth_batch.models.frame_gru.config import FrameConfig
from nsynth_batch.models.frame_gru.family import FAMILY
from nsynth_batch.pipeline.step import CODE
from nsynth_batch.settings.choices import Exchange
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.on_workers import train_on_workers
from nsynth_batch.training.options import TrainingOptions, TrainingProgress
from nsynth_batch.training.trainer import Trainer

CONFIG = FrameConfig(40, 50, hidden=64, layers=1, sample_rate=16_000, gain=4.0)


def corpus() -> Corpus:
    noise = np.random.default_rng(0).integers(-9000, 9000, 160_000)
    return Corpus([("noise", [noise.astype(np.int16)])], CONFIG.sample_rate)


def trainer(folder: Path, exchange: Exchange, steps: int) -> Trainer:
    options = TrainingOptions(
        steps=steps, batch=8, crop_samples=2000, decay_steps=1, exchange=exchange
    )
    return Trainer(FAMILY, CONFIG, options, folder)


def digest(folder: Path) -> str:
    [found] = folder.glob("training-*.safetensors")
    return hashlib.sha256(found.read_bytes()).hexdigest()[:16]


def train(folder: Path, exchange: Exchange, steps: int, every: float, seconds: float) -> int:
    """Train, killing a worker every so often for so long; return how many were killed."""
    ended = threading.Event()
    killed: list[int] = []
    with Cluster(workers=2) as cluster:
        client = cluster.client()
        killer = threading.Thread(target=kill, args=(client, every, seconds, ended, killed))
        killer.start()
        try:
            train_on_workers(
                trainer(folder, exchange, steps), corpus(), client, run=RunOptions(code=CODE)
            )
        finally:
            ended.set()
            killer.join()
    return len(killed)


def kill(
    client: Client, every: float, seconds: float, ended: threading.Event, killed: list[int]
) -> None:
    until = time.monotonic() + seconds
    while not ended.wait(every) and time.monotonic() < until:
        # A worker that is just restarting gives no answer.
        pids = sorted(p for p in client.run(os.getpid, on_error="ignore").values() if p)
        if pids:
            os.kill(pids[len(killed) % len(pids)], signal.SIGKILL)
            killed.append(pids[0])


def steps_of(seconds: float) -> int:
    """Return how many steps take about so long on two workers."""
    seen: list[TrainingProgress] = []
    with tempfile.TemporaryDirectory() as folder, Cluster(workers=2) as cluster:
        work = trainer(Path(folder), "sync", 200)
        train_on_workers(
            work, corpus(), cluster.client(), run=RunOptions(code=CODE), on_progress=seen.append
        )
    options = work.options
    return int(seconds * seen[-1].samples_per_second / options.batch / options.crop_samples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--exchanges", nargs="+", choices=["sync", "rounds"], default=["sync"])
    given = parser.parse_args()
    steps = steps_of(given.seconds)
    for exchange in given.exchanges:
        with tempfile.TemporaryDirectory() as parent:
            one, other = Path(parent) / "one", Path(parent) / "other"
            begun = time.monotonic()
            count = train(one, exchange, steps, given.every, given.seconds)
            taken = time.monotonic() - begun
            train(other, exchange, steps, given.seconds, 0.0)
            same = digest(one) == digest(other)
            print(
                f"{exchange}: {steps} steps in {taken:.0f} s, {count} workers killed: "
                f"{'the same bytes' if same else 'OTHER BYTES'} ({digest(one)}, {digest(other)})",
                flush=True,
            )
            if not same:
                raise SystemExit(1)


if __name__ == "__main__":
    main()
