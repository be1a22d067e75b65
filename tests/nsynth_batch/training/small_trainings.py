"""Trainings of a few weights, on workers; those import this module by its name."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.round_tasks import tree_sum
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.models.frame_gru.config import FrameConfig
from nsynth_batch.models.frame_gru.family import FAMILY as FRAMES
from nsynth_batch.models.samplernn.config import SampleConfig
from nsynth_batch.models.samplernn.family import FAMILY as SAMPLERNN
from nsynth_batch.models.segments import normalised
from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.spectral.family import FAMILY as SPECTRAL
from nsynth_batch.models.spectral.published_config import PublishedConfig
from nsynth_batch.pipeline.step import CODE
from nsynth_batch.training.corpus import Augmentation, Corpus
from nsynth_batch.training.corpus_file import publish_corpus
from nsynth_batch.training.gradients import Gradients
from nsynth_batch.training.learner import Learned
from nsynth_batch.training.options import TrainingOptions
from nsynth_batch.training.replay import replay
from nsynth_batch.training.trainer import Trainer
from nsynth_batch.training.whole_batches import WholeBatches

STEPS = 8
RUN = RunOptions(code=CODE)
CROPS = TrainingOptions(
    steps=STEPS,
    batch=3,
    crop_samples=1024,
    learning_rate=0.01,
    warmup_steps=3,
    decay_steps=5,
    augmentation=Augmentation(gain_db=(-3, 0), flip=True),
    exchange="sync",
)
WHOLE = PublishedConfig(latent=6, channels=2, iterations=4)
STREAMS = replace(CROPS, batch=10, crop_samples=48, augmentation=Augmentation())


def corpus() -> Corpus:
    tone = 8000 * np.sin(np.arange(8000) * 0.05)
    return Corpus([("tone", [tone.astype(np.int16)]), ("other", [tone[::-3].astype(np.int16)])])


def crops(folder: Path, **options: Any) -> Trainer:
    """Return a training of crops."""
    config = SpectralConfig(width=4, hidden=6)
    given = replace(CROPS, **options)
    return Trainer(SPECTRAL, config, given, folder, metadata={"title": "a test"})


def frames(folder: Path, **options: Any) -> Trainer:
    """Return a training of streams."""
    config = FrameConfig(8, 5, hidden=12, layers=1, sample_rate=16_000, gain=4.0)
    return Trainer(FRAMES, config, replace(STREAMS, **options), folder)


def samplernn(folder: Path, **options: Any) -> Trainer:
    """Return a training of streams in which a graph for groups of any size has other bits."""
    config = SampleConfig((8,), hidden=6, embedding=4, sequence=24)
    return Trainer(SAMPLERNN, config, replace(STREAMS, **options), folder)


def whole(folder: Path, **options: Any) -> Trainer:
    """Return one whose batches are normalised as one, which takes crops of four seconds."""
    plain = replace(
        CROPS, crop_samples=WHOLE.hop, steps=2, warmup_steps=1, rule="plain", clip_norm=1e9
    )
    return Trainer(SPECTRAL, WHOLE, replace(plain, **options), folder)


def begun(trainer: Trainer) -> Gradients:
    """Return the work of a training that was begun."""
    return Gradients.of(trainer, published(trainer, corpus()))


def published(trainer: Trainer, corpus: Corpus) -> str:
    """Begin a training; return what its corpus is called."""
    trainer.batches(corpus)
    trainer.save()
    return publish_corpus(corpus, open_storage(trainer.url))


def train_plainly(work: Gradients, rounds: int = STEPS, threads: int = 1) -> None:
    """Train by a plain loop in this process, which is to be a worker: its TensorFlow is fresh."""
    work.save(learn(work, rounds, threads), rounds)


def learn(work: Gradients, rounds: int, threads: int = 1) -> Any:
    """Return the state after some rounds of a plain loop, in a worker likewise."""
    number, state = work.load()
    with ThreadPoolExecutor(threads) as pool:
        while number < rounds:
            of = [pool.submit(work.part, state, number, k) for k in range(work.parts)]
            total = tree_sum(of, lambda part: part.result(), work.add)
            state = work.apply(state, number, total)
            number += 1
    return state


def train_in_stages(work: WholeBatches) -> tuple[Learned, dict[str, Any]]:
    """Train to the end by a plain loop in a worker; return what the first step teaches, twice."""
    number, state = work.load()
    wanted = learned_at_once(work, state)
    first: Learned | None = None
    while number < work.options.steps:
        carried, total = [None] * work.parts, None
        for stage in range(work.stages):
            made = [
                work.stage(state, number, k, stage, carried[k], total) for k in range(work.parts)
            ]
            carried = [one for one, _ in made]
            total = tree_sum([adds for _, adds in made], lambda adds: adds, work.add)
        first = first or total
        state = work.apply(state, number, total)
        number += 1
    work.save(state, number)
    assert first is not None
    return first, wanted


def learned_at_once(work: WholeBatches, state: Any) -> dict[str, Any]:
    """Return what the first batch teaches in float64, in which no order of additions tells."""
    batch = work.ready().batches.at(0)
    given = {name: tf.constant(values, tf.float64) for name, values in batch.items()}
    weights = {n: tf.constant(v, tf.float64) for n, v in state.slots["weights"].items()}
    averaged, made = {}, None
    with tf.GradientTape() as tape:
        tape.watch(list(weights.values()))
        for segment in SPECTRAL.segments(WHOLE):
            made = segment.run(weights, given, made)
            if segment.moments:
                moments = tf.nn.moments(made, [0, 1, 2])
                averaged |= dict(zip(segment.moments, moments, strict=True))
                made = normalised(made, *moments)
        loss = made.total
    found = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    dense = {name: tf.convert_to_tensor(value) for name, value in {**found, **averaged}.items()}
    return {"loss": float(loss), **{name: value.numpy() for name, value in dense.items()}}


def state(work: Gradients) -> Any:
    """Return the state that a training's folder holds, in a worker likewise."""
    return work.load()[1]


def replayed(kind: Any, folder: Path, log: Path, **options: Any) -> list[int]:
    """Replay in this process, which is to be a worker: its TensorFlow is fresh."""
    listened: list[int] = []
    replay(
        kind(folder, exchange="async"),
        corpus(),
        str(log),
        on_listen=lambda step, _: listened.append(step),
        **options,
    )
    return listened
