"""Synchronous training: the same bytes on workers that are killed as in a plain loop."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from distributed import Client

from hdfs_jobs.errors import InfrastructureError, UsageError
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.lease import acquire
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.round_tasks import tree_sum
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.frame_gru.config import FrameConfig
from nsynth_batch.models.frame_gru.family import FAMILY as FRAMES
from nsynth_batch.models.segments import normalised
from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.spectral.family import FAMILY as SPECTRAL
from nsynth_batch.models.spectral.published_config import PublishedConfig
from nsynth_batch.models.weights import CheckpointError
from nsynth_batch.pipeline.step import CODE
from nsynth_batch.training.corpus import Augmentation, Corpus
from nsynth_batch.training.corpus_file import publish_corpus
from nsynth_batch.training.gradients import Gradients
from nsynth_batch.training.learner import Learned
from nsynth_batch.training.on_workers import train_on_workers
from nsynth_batch.training.options import TrainingOptions, TrainingProgress
from nsynth_batch.training.trainer import Trainer
from nsynth_batch.training.whole_batches import WholeBatches

STEPS = 8
RUN = RunOptions(code=CODE)
SPECTRA = SpectralConfig(width=4, hidden=6)
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
FRAME = FrameConfig(8, 5, hidden=12, layers=1, sample_rate=16_000, gain=4.0)
WHOLE = PublishedConfig(latent=6, channels=2, iterations=4)
STREAMS = replace(CROPS, batch=10, crop_samples=48, augmentation=Augmentation())


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    tone = 8000 * np.sin(np.arange(8000) * 0.05)
    return Corpus([("tone", [tone.astype(np.int16)]), ("other", [tone[::-3].astype(np.int16)])])


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Cluster(workers=2) as cluster:
        yield cluster.client()


def crops(folder: Path, **options: Any) -> Trainer:
    given = replace(CROPS, **options)
    return Trainer(SPECTRAL, SPECTRA, given, folder, metadata={"title": "a test"})


def streams(folder: Path, **options: Any) -> Trainer:
    return Trainer(FRAMES, FRAME, replace(STREAMS, **options), folder)


def whole(folder: Path, **options: Any) -> Trainer:
    """Return one whose batches are normalised as one, which takes crops of four seconds."""
    plain = replace(
        CROPS, crop_samples=WHOLE.hop, steps=2, warmup_steps=1, rule="plain", clip_norm=1e9
    )
    return Trainer(SPECTRAL, WHOLE, replace(plain, **options), folder)


def begun(trainer: Trainer, corpus: Corpus) -> Gradients:
    """Return the work of a training that was begun."""
    return Gradients.of(trainer, published(trainer, corpus))


def published(trainer: Trainer, corpus: Corpus) -> str:
    """Begin a training; return what its corpus is called."""
    trainer.batches(corpus)
    trainer.save()
    return publish_corpus(corpus, open_storage(trainer.url))


def train_plainly(work: Gradients, rounds: int = STEPS) -> None:
    """Train by a plain loop in this process, which is to be a worker: its TensorFlow is fresh."""
    work.save(learn(work, rounds), rounds)


def learn(work: Gradients, rounds: int) -> Any:
    """Return the state after some rounds of a plain loop, in a worker likewise."""
    number, state = work.load()
    while number < rounds:
        parts = [work.part(state, number, k) for k in range(work.parts)]
        state = work.apply(state, number, tree_sum(parts, lambda part: part, work.add))
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


def load(work: Gradients) -> Any:
    return work.load()


def part(work: Gradients, state: Any, number: int, index: int) -> Any:
    return work.part(state, number, index)


@pytest.fixture(scope="module")
def plain(client: Client, corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a training by a plain loop."""
    folder = tmp_path_factory.mktemp("plain")
    client.submit(train_plainly, begun(crops(folder), corpus)).result()
    return folder


def test_killed_workers_change_no_byte(
    client: Client, corpus: Corpus, plain: Path, tmp_path: Path
) -> None:
    seen: list[TrainingProgress] = []

    def kill(progress: TrainingProgress) -> None:
        seen.append(progress)
        if progress.step == 4:
            pids = sorted(client.run(os.getpid).values())
            os.kill(pids[-1], signal.SIGKILL)

    listened: list[tuple[int, str]] = []
    train_on_workers(
        crops(tmp_path),
        corpus,
        client,
        run=RUN,
        report_steps=2,
        on_progress=kill,
        listen_steps=3,
        on_listen=lambda step, weights: listened.append((step, weights.metadata["step"])),
    )
    assert [progress.step for progress in seen] == [2, 4, 6, 8]
    assert listened == [(3, "3"), (6, "6"), (8, "8")]
    assert all(0 <= (progress.exchange_share or 0) <= 1 for progress in seen)
    assert seen[0].loss and np.isfinite(seen[0].loss)
    for name in (f"model-{STEPS}.safetensors", f"training-{STEPS}.safetensors", "model.json"):
        assert (tmp_path / name).read_bytes() == (plain / name).read_bytes()
    assert not list(tmp_path.glob("corpus-*"))
    assert load_checkpoint(tmp_path).metadata["title"] == "a test"


def test_streams_carry_their_state_through_a_stop(
    client: Client, corpus: Corpus, tmp_path: Path
) -> None:
    seen: list[TrainingProgress] = []
    stop = threading.Event()

    def stop_there(progress: TrainingProgress) -> None:
        seen.append(progress)
        if progress.step == 2:
            stop.set()

    for ended in (stop, None):
        train_on_workers(
            streams(tmp_path / "parts"), corpus, client, run=RUN, report_steps=1, stop=ended,
            on_progress=stop_there,
        )  # fmt: skip
    assert seen[-1].step == STEPS
    assert set(seen[-1].beside) == {"variance", "repeat"}

    # Beside the order of additions it is what one process alone learns.
    alone = Trainer(FRAMES, FRAME, replace(STREAMS, exchange="alone"), tmp_path / "alone")
    model = alone.train(corpus)
    both = load_checkpoint(tmp_path / "parts").tensors
    for name, value in model.tensors.items():
        np.testing.assert_allclose(value, both[name], atol=1e-4)
    parts, carried = streams(tmp_path / "parts"), alone._state
    for name, value in parts._state.items():
        assert value.numpy().any()
        np.testing.assert_allclose(value.numpy(), carried[name].numpy(), atol=1e-3)


def test_a_batch_is_normalised_as_one_whatever_the_workers(client: Client, tmp_path: Path) -> None:
    time = np.arange(80_000) / 16_000
    notes = [9000 * np.sin(2 * np.pi * hertz * time) * np.exp(-time) for hertz in (220, 330, 415)]
    corpus = Corpus([(f"{k}", [note.astype(np.int16)]) for k, note in enumerate(notes)])
    seen: list[int] = []

    def kill(progress: TrainingProgress) -> None:
        seen.append(progress.step)
        if progress.step == 1:
            os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)

    train_on_workers(
        whole(tmp_path / "workers"), corpus, client, run=RUN, report_steps=1, on_progress=kill
    )
    assert seen == [1, 2]
    plain = whole(tmp_path / "plain")
    work = WholeBatches.of(plain, published(plain, corpus))
    made, wanted = client.submit(train_in_stages, work).result()
    for name in ("model-2.safetensors", "training-2.safetensors"):
        one, other = (tmp_path / folder / name for folder in ("workers", "plain"))
        assert one.read_bytes() == other.read_bytes()

    assert made.loss == pytest.approx(wanted.pop("loss"), rel=1e-5)
    for name, tensor in zip(plain.family.tensor_shapes(WHOLE), made.tensors, strict=True):
        value = made.averaged.get(name, tensor)
        close = 1e-6 + 1e-2 * np.abs(wanted[name]).max()
        np.testing.assert_allclose(value, wanted[name], atol=close, err_msg=name)
    for exchange in ("rounds", "async"):
        with pytest.raises(ValueError, match=rf"worker of --exchange {exchange} would see a part"):
            whole(tmp_path / exchange, exchange=exchange)


@pytest.mark.parametrize("kind", [crops, streams])
def test_rounds_of_one_plain_step_are_synchronous_steps(
    client: Client, corpus: Corpus, tmp_path: Path, kind: Callable[..., Trainer]
) -> None:
    found = [
        client.submit(
            learn,
            begun(kind(tmp_path / how, exchange=how, rule="plain", clip_norm=1e9, batch=8), corpus),
            4,
        ).result()
        for how in ("sync", "rounds")
    ]
    together, local = ({**state.slots["weights"], **state.streams} for state in found)
    first = client.submit(load, begun(kind(tmp_path / "first"), corpus)).result()[1]
    for name, value in together.items():
        np.testing.assert_allclose(local[name], value, rtol=1e-4, atol=1e-6)
    assert any((together[name] != value).any() for name, value in first.slots["weights"].items())


def test_rounds_go_on_exactly_after_a_stop_and_a_kill(
    client: Client, corpus: Corpus, tmp_path: Path
) -> None:
    def trainer(name: str) -> Trainer:
        return streams(tmp_path / name, exchange="rounds", local_steps=2)

    seen: list[int] = []
    stop = threading.Event()

    def stop_there(progress: TrainingProgress) -> None:
        seen.append(progress.step)
        if progress.step == 4:
            os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)
            stop.set()

    for ended in (stop, None):
        train_on_workers(
            trainer("workers"), corpus, client, run=RUN, report_steps=2, stop=ended,
            on_progress=stop_there,
        )  # fmt: skip
    assert seen == [2, 4, 6, 8]
    client.submit(train_plainly, begun(trainer("plain"), corpus), STEPS // 2).result()
    name = f"training-{STEPS}.safetensors"
    assert (tmp_path / "workers" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()


def test_a_training_that_is_over_is_left_as_it_is(
    client: Client, corpus: Corpus, plain: Path
) -> None:
    before = (plain / f"training-{STEPS}.safetensors").stat().st_mtime_ns
    train_on_workers(crops(plain), corpus, client, run=RUN)
    assert (plain / f"training-{STEPS}.safetensors").stat().st_mtime_ns == before


def test_two_drivers_do_not_train_one_model(client: Client, corpus: Corpus, plain: Path) -> None:
    lease = acquire(open_storage(str(plain)), "another", seconds=1.0)
    assert lease is not None
    try:
        with pytest.raises(InfrastructureError, match="is held by another of"):
            train_on_workers(crops(plain), corpus, client, run=RUN)
    finally:
        lease.release()


def test_workers_of_another_kind_are_refused_by_name(
    client: Client, corpus: Corpus, tmp_path: Path
) -> None:
    work = begun(streams(tmp_path), corpus)
    for other, message in (
        (replace(work, tensorflow="2.0.0"), r"a worker has TensorFlow \S+ instead of 2\.0\.0"),
        (replace(work, instruction_set="abacus"), "instruction set .* instead of abacus"),
    ):
        with pytest.raises(UsageError, match=message):
            client.submit(load, other).result()


def test_what_is_not_finite_names_its_crop(client: Client, corpus: Corpus, tmp_path: Path) -> None:
    work = begun(streams(tmp_path), corpus)
    number, state = client.submit(load, work).result()
    weights = {name: np.full_like(v, np.nan) for name, v in state.slots["weights"].items()}
    broken = replace(state, slots={**state.slots, "weights": weights})
    with pytest.raises(FloatingPointError, match="not finite at step 0, streams 4 to 7"):
        client.submit(part, work, broken, number, 1).result()


def test_a_training_alone_does_not_go_on_as_one_on_workers(tmp_path: Path) -> None:
    streams(tmp_path).save()
    with pytest.raises(CheckpointError, match=r"other sizes or options \(exchange\)"):
        Trainer(FRAMES, FRAME, replace(STREAMS, exchange="alone"), tmp_path)
