"""A training of streams: its place and its state are a part of what is saved."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nsynth_batch.models.frame_gru.config import FrameConfig
from nsynth_batch.models.frame_gru.family import FAMILY
from nsynth_batch.models.weights import read_safetensors
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.options import TrainingOptions, TrainingProgress
from nsynth_batch.training.trainer import Trainer

CONFIG = FrameConfig(8, 5, hidden=12, sample_rate=8000, gain=4.0)
OPTIONS = TrainingOptions(
    steps=60,
    batch=3,
    crop_samples=48,
    learning_rate=0.02,
    warmup_steps=3,
    decay_steps=20,
    average_decay=0.8,
)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    tones = ((0.3, 1500), (0.2, 900), (0.25, 1207))
    return Corpus(
        (
            (f"{step}", [(8000 * np.sin(np.arange(count) * step)).astype(np.int16)])
            for step, count in tones
        ),
        8000,
    )


def test_it_learns_to_beat_the_last_frame_and_goes_on_after_a_stop(
    corpus: Corpus, tmp_path: Path
) -> None:
    seen: list[TrainingProgress] = []
    whole = Trainer(FAMILY, CONFIG, OPTIONS, tmp_path / "whole")
    whole.train(corpus, report_steps=20, on_progress=seen.append)
    first, last = seen[0], seen[-1]
    assert set(last.beside) == {"variance", "repeat"}
    assert first.nll and last.nll and last.nll < 0.5 * last.beside["variance"]
    assert last.nll < last.beside["repeat"]

    for last_step in (7, 31, 1000):
        stop = threading.Event()

        def stop_there(
            progress: TrainingProgress, wanted: int = last_step, stop: threading.Event = stop
        ) -> None:
            if progress.step == wanted:
                stop.set()

        part = Trainer(FAMILY, CONFIG, OPTIONS, tmp_path / "parts")
        part.train(corpus, report_steps=1, on_progress=stop_there, stop=stop)
    for name in ("model-60.safetensors", "training-60.safetensors"):
        parts, once = (read_safetensors(str(tmp_path / f / name)) for f in ("parts", "whole"))
        assert parts[0] == once[0]
        assert {k: v.tobytes() for k, v in parts[1].items()} == {
            k: v.tobytes() for k, v in once[1].items()
        }


def test_the_state_decides_how_it_goes_on(corpus: Corpus, tmp_path: Path) -> None:
    half = replace(OPTIONS, steps=5)
    Trainer(FAMILY, CONFIG, half, tmp_path / "kept").train(corpus)
    kept = Trainer(FAMILY, CONFIG, OPTIONS, tmp_path / "kept")
    assert all(value.numpy().any() for value in kept._state.values())
    # Where recordings came or went, no state is of the place that a stream stands at.
    other = Corpus(
        [*((n, [s]) for n, s in corpus.recordings()), ("new", [np.ones(99, "i2")])], 8000
    )
    kept.check_corpus(other)
    assert not any(value.numpy().any() for value in kept._state.values())
