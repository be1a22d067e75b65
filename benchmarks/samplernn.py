"""How fast the family `samplernn` generates and trains, beside the rate of the poster's authors.

Usage: python -m benchmarks.samplernn [--preset NAME …] [--clips N …] [--samples N]
                                      [--precision NAME …] [--train-steps N] [--restated N]

A GTX 1080 made 735 samples a second of the model `poster`, one clip at a time. Weights are random:
speed does not hang on their values. Figures are samples a second by the clock and by a core's own
time: on a machine that others use too, the second tells more. With `--restated N` the algorithm of
samplernn-pytorch, restated in TensorFlow, makes N samples of as many clips on the same cores;
ratios to it are by the clock and by a core's own time.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from itertools import product
from typing import get_args

import numpy as np

from hdfs_jobs.cores import usable_cores
from nsynth_batch.models.engine import Request
from nsynth_batch.models.samplernn.config import SAMPLE_CONFIGS, SampleConfig, products
from nsynth_batch.models.samplernn.engine import SampleEngine
from nsynth_batch.models.samplernn.family import FAMILY
from nsynth_batch.settings.choices import Precision
from nsynth_batch.text import table

POSTER = 735
"""Samples a second."""

_BACKWARD = 3


Rate = tuple[float, float]
"""Samples a second, by the clock and by a core's own time."""


def generating(
    config: SampleConfig, clips: int, samples: int, threads: int, precision: Precision
) -> Rate:
    """Return how fast so many clips are made together."""
    engine = SampleEngine(FAMILY.initial(config, 0), threads=threads, precision=precision)
    requests = [Request(str(k), 0, samples) for k in range(clips)]
    engine.generate([replace(request, length=config.hop) for request in requests])
    wall, core = time.perf_counter(), time.process_time()
    engine.generate(requests)
    made = clips * samples
    return made / (time.perf_counter() - wall), made / (time.process_time() - core)


def figures(config: SampleConfig, rate: Rate, other: Rate | None) -> list[str]:
    """Return a rate as columns, beside the poster's and that of another way."""
    clock, own = rate
    row = [f"{clock:,.0f}", f"{own:,.0f}", f"{own * products(config) / 1e9:.1f}"]
    row += [f"{clock / POSTER:.1f}", f"{own / POSTER:.1f}"]
    return row if other is None else [*row, f"{clock / other[0]:.1f}", f"{own / other[1]:.1f}"]


def restated(config: SampleConfig, clips: int, samples: int) -> Rate:
    """Return how many samples a second samplernn-pytorch's way makes, by the clock and a core's."""
    from benchmarks.samplernn_restated import Restated

    network = Restated(config)
    network.generate(clips, config.hop)
    wall, core = time.perf_counter(), time.process_time()
    network.generate(clips, samples)
    made = clips * samples
    return made / (time.perf_counter() - wall), made / (time.process_time() - core)


def training(config: SampleConfig, batch: int, steps: int) -> list[str]:
    """Return a row: how fast sequences are learned, once the graph is there."""
    from nsynth_batch.training.corpus import Corpus
    from nsynth_batch.training.options import TrainingOptions
    from nsynth_batch.training.trainer import Trainer

    crop = FAMILY.crop_samples(config)
    noise = np.random.default_rng(0).integers(-9000, 9000, 20 * crop).astype(np.int16)
    with tempfile.TemporaryDirectory() as folder:
        options = TrainingOptions(steps=2 * steps, batch=batch, crop_samples=crop)
        trainer = Trainer(FAMILY, replace(config, gain=3.0), options, folder)
        marks: list[tuple[float, float]] = []
        trainer.train(
            Corpus([("noise", [noise])], config.sample_rate),
            report_steps=steps,
            on_progress=lambda _: marks.append((time.perf_counter(), time.process_time())),
        )
    (wall, core), (wall_after, core_after) = marks
    learned = steps * batch * config.sequence
    own = learned / (core_after - core)
    return [
        f"{learned / (wall_after - wall):,.0f}",
        f"{own:,.0f}",
        f"{_BACKWARD * own * products(config) / 1e9:.1f}",
    ]


def main() -> None:
    """Print a line a preset and number of clips, and one a preset that is trained."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--preset", nargs="+", default=["tiny", "small", "poster", "poster-8-2"])
    parser.add_argument("--clips", nargs="+", type=int, default=[1, 128])
    parser.add_argument("--precision", nargs="+", default=["float32"], choices=get_args(Precision))
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--train-steps", type=int, default=0)
    parser.add_argument("--restated", type=int, default=0)
    arguments = parser.parse_args()
    speeds = ["samples/s", "a core", "GMAC/s a core"]
    beside = ["x restated", "a core"] if arguments.restated else []
    rows = [["preset", "precision", "clips", *speeds, "x poster", "a core", *beside]]
    for name, clips in product(arguments.preset, arguments.clips):
        config = SAMPLE_CONFIGS[name]
        made = [
            (precision, generating(config, clips, arguments.samples, arguments.threads, precision))
            for precision in arguments.precision
        ]
        # Last, for TensorFlow's threads look for work a while after it.
        other = restated(config, clips, arguments.restated) if arguments.restated else None
        rows += [
            [name, precision, str(clips), *figures(config, rate, other)] for precision, rate in made
        ]
    print(table(rows))
    if arguments.train_steps:
        rows = [["trained", "streams", *speeds]]
        for name in arguments.preset:
            found = training(SAMPLE_CONFIGS[name], arguments.batch, arguments.train_steps)
            rows.append([name, str(arguments.batch), *found])
        print(table(rows))


if __name__ == "__main__":
    main()
