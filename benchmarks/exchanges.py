"""Measure what a second worker brings to a training, and what it learns from the same samples.

    python -m benchmarks.exchanges --picture losses.png

A plain WaveNet learns the package's recordings on one worker of one thread and on two, by ``sync``
and by ``async``, in turn. Speed is what comes after the first reports, in which workers compile;
the loss is the mean of the last half's, of the same samples.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import argparse
import tempfile
import time
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path

from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.options import RunOptions
from nsynth_batch.models.wavenet.plain_config import PLAIN_CONFIGS
from nsynth_batch.models.wavenet.plain_family import FAMILY
from nsynth_batch.pipeline.step import CODE
from nsynth_batch.settings.choices import Exchange
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.log import TrainingLog, draw_beside
from nsynth_batch.training.on_workers import train_on_workers
from nsynth_batch.training.options import TrainingOptions, TrainingProgress
from nsynth_batch.training.trainer import Trainer

REPORT_STEPS = 2
WARM_UP = 3
"""Reports that do not count."""


@dataclass
class Reported:
    """What a training reported."""

    times: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    @property
    def steps_a_second(self) -> float:
        count = len(self.times) - 1 - WARM_UP
        return REPORT_STEPS * count / (self.times[-1] - self.times[WARM_UP])

    @property
    def loss(self) -> float:
        half = self.losses[len(self.losses) // 2 :]
        return sum(half) / len(half)

    @property
    def waited(self) -> float:
        counted = self.waits[WARM_UP + 1 :]
        return sum(counted) / len(counted)


def learn(
    folder: Path, corpus: Corpus, options: TrainingOptions, preset: str, workers: int
) -> Reported:
    """Train on so many workers of one thread, and log it in a folder."""
    reported, log = Reported(), TrainingLog(str(folder))
    trainer = Trainer(FAMILY, PLAIN_CONFIGS[preset], options, folder)
    begun = time.perf_counter()

    def take(progress: TrainingProgress) -> None:
        assert progress.loss is not None and progress.exchange_share is not None
        reported.times.append(time.perf_counter())
        reported.losses.append(progress.loss)
        reported.waits.append(progress.exchange_share)
        log.add(
            step=progress.step,
            samples=progress.step * options.batch * options.crop_samples,
            wall_seconds=reported.times[-1] - begun,
            nll=progress.loss,
        )

    with Cluster(workers=workers) as cluster:
        train_on_workers(
            trainer,
            corpus,
            cluster.client(),
            run=RunOptions(code=CODE),
            report_steps=REPORT_STEPS,
            on_progress=take,
        )
    return reported


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=sorted(PLAIN_CONFIGS), default="small")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--crop-samples", type=int, default=6144)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--picture", type=Path, help="of the losses, by samples and by time")
    given = parser.parse_args()
    with as_file(files("nsynth_batch") / "recordings") as recordings:
        corpus = Corpus.from_folder(recordings, PLAIN_CONFIGS[given.preset].sample_rate)
    found: dict[tuple[Exchange, int], Reported] = {}
    exchanges: tuple[Exchange, ...] = ("sync", "async")
    with tempfile.TemporaryDirectory() as parent:
        folders = []
        for exchange in exchanges:
            options = TrainingOptions(
                steps=given.steps,
                batch=given.batch,
                crop_samples=given.crop_samples,
                learning_rate=given.learning_rate,
                warmup_steps=10,
                decay_steps=1,
                exchange=exchange,
            )
            for workers in (1, 2):
                folders.append(Path(parent) / f"{exchange} {workers}")
                reported = learn(folders[-1], corpus, options, given.preset, workers)
                found[exchange, workers] = reported
                print(
                    f"{exchange}, {workers} workers: {reported.steps_a_second:.3f} steps/s, "
                    f"{100 * reported.waited:.0f}% of the workers' time no gradient, "
                    f"{reported.loss:.4f} nats",
                    flush=True,
                )
        if given.picture:
            given.picture.write_bytes(draw_beside([str(folder) for folder in folders]))
    for exchange in exchanges:
        one, two = found[exchange, 1], found[exchange, 2]
        print(f"{exchange}: a second worker is {two.steps_a_second / one.steps_a_second:.2f} times")
    off = found["async", 2].loss / found["sync", 2].loss - 1
    print(f"async, 2 workers: its loss is {100 * off:+.1f}% of that of sync")


if __name__ == "__main__":
    main()
