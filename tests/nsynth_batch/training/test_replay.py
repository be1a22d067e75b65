"""Asynchronous training on workers that are killed, made again from its log to the same bytes."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client

from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.options import RunOptions
from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.frame_gru.config import FrameConfig
from nsynth_batch.models.frame_gru.family import FAMILY as FRAMES
from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.spectral.family import FAMILY as SPECTRAL
from nsynth_batch.models.weights import CheckpointError
from nsynth_batch.pipeline.step import CODE
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.gradients import Gradients
from nsynth_batch.training.on_workers import train_on_workers
from nsynth_batch.training.options import TrainingOptions, TrainingProgress
from nsynth_batch.training.replay import replay
from nsynth_batch.training.trainer import Trainer
from nsynth_batch.training.update_log import NAME, read_updates

STEPS = 12
RUN = RunOptions(code=CODE)
CROPS = TrainingOptions(
    steps=STEPS,
    batch=2,
    crop_samples=1024,
    learning_rate=0.01,
    warmup_steps=3,
    decay_steps=5,
    exchange="async",
)
STREAMS = replace(CROPS, batch=10, crop_samples=48)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    tone = 8000 * np.sin(np.arange(8000) * 0.05)
    return Corpus([("tone", [tone.astype(np.int16)]), ("other", [tone[::-3].astype(np.int16)])])


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Cluster(workers=2) as cluster:
        yield cluster.client()


def crops(folder: Path, **options: Any) -> Trainer:
    return Trainer(SPECTRAL, SpectralConfig(4, 6), replace(CROPS, **options), folder)


def streams(folder: Path, **options: Any) -> Trainer:
    config = FrameConfig(8, 5, hidden=12, layers=1, sample_rate=16_000, gain=4.0)
    return Trainer(FRAMES, config, replace(STREAMS, **options), folder)


def replayed(kind: Any, folder: Path, corpus: Corpus, log: Path, **options: Any) -> list[int]:
    """Replay in this process, which is to be a worker: its TensorFlow is fresh."""
    listened: list[int] = []
    replay(
        kind(folder), corpus, str(log), on_listen=lambda step, _: listened.append(step), **options
    )
    return listened


def same_bytes(a: Path, b: Path) -> bool:
    names = (f"model-{STEPS}.safetensors", f"training-{STEPS}.safetensors", NAME)
    return all((a / name).read_bytes() == (b / name).read_bytes() for name in names)


def test_crops_hang_on_none_and_groups_of_streams_on_their_own(tmp_path: Path) -> None:
    single = Gradients.of(crops(tmp_path / "crops", batch=1), "none")
    assert (single.lanes, single.pieces, single.number(7), single.step(7)) == (0, 1, 7, 7)
    groups = Gradients.of(streams(tmp_path / "streams"), "none")
    assert (groups.lanes, groups.pieces, groups.number(7), groups.step(20)) == (3, 3, 21, 6)


def test_the_log_gives_the_same_bytes_though_a_worker_was_killed(
    client: Client, corpus: Corpus, tmp_path: Path
) -> None:
    seen: list[TrainingProgress] = []

    def kill(progress: TrainingProgress) -> None:
        seen.append(progress)
        if progress.step == 2:
            os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)

    listened: list[tuple[int, str]] = []
    train_on_workers(
        crops(tmp_path / "workers"),
        corpus,
        client,
        run=RUN,
        most_stale=3,
        report_steps=2,
        on_progress=kill,
        listen_steps=5,
        on_listen=lambda step, weights: listened.append((step, weights.metadata["step"])),
    )
    assert [progress.step for progress in seen] == [2, 4, 6, 8, 10, 12]
    assert listened == [(5, "5"), (10, "10"), (12, "12")]
    assert all(0 <= (progress.exchange_share or 0) <= 1 for progress in seen)
    log = read_updates(str(tmp_path / "workers" / NAME)).updates
    assert [one.piece for one in sorted(log)] == list(range(STEPS))
    found = sum((Counter(dict(progress.staleness)) for progress in seen), Counter[int]())
    assert found.total() == STEPS
    assert found == Counter(k - one.began for k, one in enumerate(log))
    assert max(found) <= 3
    assert not list((tmp_path / "workers").glob("corpus-*"))

    again = tmp_path / "again"
    heard = client.submit(
        replayed, crops, again, corpus, tmp_path / "workers" / NAME, listen_steps=5
    )
    assert heard.result() == [5, 10, 12]
    assert same_bytes(again, tmp_path / "workers")


def test_streams_carry_their_state_through_a_stop_and_a_replay(
    client: Client, corpus: Corpus, tmp_path: Path
) -> None:
    seen: list[int] = []
    stop = threading.Event()

    def stop_there(progress: TrainingProgress) -> None:
        seen.append(progress.step)
        if progress.step == 2:
            stop.set()

    for ended in (stop, None):
        train_on_workers(
            streams(tmp_path / "workers"), corpus, client, run=RUN, report_steps=1, stop=ended,
            on_progress=stop_there,
        )  # fmt: skip
    assert seen == list(range(1, STEPS + 1))
    log = tmp_path / "workers" / NAME
    # A step has three groups of streams, and each group learns in the order of its steps.
    updates = read_updates(str(log)).updates
    assert sorted(one.piece for one in updates) == list(range(3 * STEPS))
    for group in range(3):
        pieces = [one.piece for one in updates if one.piece % 3 == group]
        assert pieces == sorted(pieces)
    assert client.submit(replayed, streams, tmp_path / "again", corpus, log).result() == [STEPS]
    assert same_bytes(tmp_path / "again", tmp_path / "workers")
    trained = load_checkpoint(tmp_path / "again").tensors
    begun = FRAMES.initial(streams(tmp_path / "new").config, 0).tensors
    assert any((trained[name] != value).any() for name, value in begun.items())

    # With other options the same log would give another model.
    with pytest.raises(UsageError, match=r"options or recordings \(batch 10\); give those"):
        replay(streams(tmp_path / "other", batch=8), corpus, str(log))
    with pytest.raises(UsageError, match=r"recordings \(decay_steps\); give those"):
        replay(streams(tmp_path / "other", decay_steps=3), corpus, str(log))
    with pytest.raises(CheckpointError, match="not the log of an asynchronous training"):
        replay(streams(tmp_path / "other"), corpus, str(tmp_path / "again" / "model.json"))
    # A model without its log does not go on.
    log.unlink()
    with pytest.raises(CheckpointError, match=r"updates\.jsonl: no such log"):
        train_on_workers(streams(tmp_path / "workers"), corpus, client, run=RUN)
