"""Measure what the trainer takes beyond a bare TensorFlow loop of the same steps.

    python -m benchmarks.training --preset tiny --steps 20 --rounds 4

The bare loop has the trainer's compiled step and the batches ready made: no crops, no reports, no
checks, no saves. The two take turns in short rounds, and of each the best round counts.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import argparse
import tempfile
import time
from dataclasses import replace

import numpy as np
import tensorflow as tf

from nsynth_batch.models.draws import generator
from nsynth_batch.models.family import FAMILIES, family_named
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.options import TrainingOptions
from nsynth_batch.training.trainer import Trainer


def bare(trainer: Trainer, corpus: Corpus, steps: int) -> tuple[float, float]:
    """Return seconds of so many steps by the clock and of all cores' time, batches ready made."""
    options = trainer.options
    batches = []
    for step in range(steps):
        crops = corpus.crops(
            step, options.batch, options.crop_samples, options.seed, options.augmentation
        )
        noise = generator(options.seed, f"corruption {step}")
        rows = trainer.family.batch(trainer.config, crops, options.recipe, noise)
        batches.append({name: tf.constant(values) for name, values in rows.items()})
    update, rate = trainer._update, tf.constant(1e-4)
    phase = options.recipe.phase(0)
    begun = time.perf_counter(), time.process_time()
    for batch in batches:
        loss, *_ = update(batch, rate, tf.constant(1.0), phase)
    float(loss)
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


def whole(trainer: Trainer, corpus: Corpus, steps: int) -> tuple[float, float]:
    """Return the same of the trainer, which saves at the end, that left out."""
    trainer.options = replace(trainer.options, steps=trainer.step + steps)
    seen: list[tuple[float, float]] = []
    begun = time.perf_counter(), time.process_time()
    trainer.train(
        corpus,
        report_steps=steps,
        on_progress=lambda _: seen.append((time.perf_counter(), time.process_time())),
    )
    return seen[-1][0] - begun[0], seen[-1][1] - begun[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    crops = sorted(name for name in FAMILIES if family_named(name).order == "crops")
    parser.add_argument("--family", choices=crops, default="wavenet")
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--steps", type=int, default=20, help="of a round")
    parser.add_argument("--rounds", type=int, default=4, help="the best of them counts")
    options = parser.parse_args()
    family = family_named(options.family)
    config = family.presets[options.preset]
    recipe = next(iter(family.recipes.values()))
    how = TrainingOptions(
        steps=1, crop_samples=family.crop_samples(config), recipe=recipe, learning_rate=1e-4
    )
    sound = np.random.default_rng(0).integers(-9000, 9000, 60 * config.sample_rate)
    corpus = Corpus([("noise", [sound.astype(np.int16)])], config.sample_rate)
    best = {"bare": (np.inf, np.inf), "trainer": (np.inf, np.inf)}
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(family, config, how, folder)
        trainer.train(corpus)
        # A round is of steps that are reported at its end: as many in both.
        trainer.step = 0
        for _ in range(options.rounds):
            for name, run in (("bare", bare), ("trainer", whole)):
                found = run(trainer, corpus, options.steps)
                best[name] = min(best[name][0], found[0]), min(best[name][1], found[1])
    for name, (clock, processor) in best.items():
        print(f"{name:8} {1000 * clock / options.steps:8.1f} ms a step by the clock, "
              f"{1000 * processor / options.steps:8.1f} of all cores")  # fmt: skip
    over = [100 * (best["trainer"][k] / best["bare"][k] - 1) for k in (0, 1)]
    print(f"the trainer takes {over[0]:.1f}% more by the clock, {over[1]:.1f}% more of the cores")


if __name__ == "__main__":
    main()
