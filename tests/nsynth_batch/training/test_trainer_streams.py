"""A training of streams: its place and its state are a part of what is saved."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nsynth_batch.models.frame_gru.config import FrameConfig
from nsynth_batch.models.frame_gru.family import FAMILY
from nsynth_batch.models.loading import load_model
from nsynth_batch.models.weights import CheckpointError, read_safetensors
from nsynth_batch.training.corpus import WIDE, Corpus
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


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_it_learns_to_beat_the_last_frame_and_goes_on_after_a_stop(
    corpus: Corpus, tmp_path: Path
) -> None:
    seen: list[TrainingProgress] = []
    whole = Trainer(FAMILY, CONFIG, OPTIONS, tmp_path / "whole")
    whole.train(corpus, report_steps=20, on_progress=seen.append)
    first, last = seen[0], seen[-1]
    assert set(last.beside) == {"variance", "repeat"}
    assert first.loss and last.loss and last.loss < 0.5 * last.beside["variance"]
    assert last.loss < last.beside["repeat"]

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
    kept.batches(other)
    assert not any(value.numpy().any() for value in kept._state.values())


def test_a_window_begins_anew_with_each_sequence(corpus: Corpus, tmp_path: Path) -> None:
    weights = {}
    for past in ("carried", "window"):
        config = replace(CONFIG, past=past, head="gaussian")
        trainer = Trainer(FAMILY, config, replace(OPTIONS, steps=10), tmp_path / past)
        seen: list[TrainingProgress] = []
        weights[past] = trainer.train(corpus, report_steps=10, on_progress=seen.append)
        assert set(seen[0].beside) == {"squared_error", "variance", "repeat"}
    assert not np.array_equal(
        weights["carried"].tensors["output/W"], weights["window"].tensors["output/W"]
    )
    assert load_model(tmp_path / "window").config.past == "window"


def test_what_cannot_be_learned_is_one_line(corpus: Corpus, tmp_path: Path) -> None:
    trainer = Trainer(FAMILY, CONFIG, OPTIONS, tmp_path / "model")
    with pytest.raises(ValueError, match=r"hold 0\.00 s, and a sequence takes 0\.01 s"):
        trainer.batches(Corpus([("short", [np.ones(20, np.int16)])], 8000))
    with pytest.raises(ValueError, match="at 16000 Hz, the model at 8000 Hz"):
        trainer.batches(Corpus([("other", [np.ones(2000, np.int16)])], 16_000))
    with pytest.raises(ValueError, match="holds no samples"):
        trainer.batches(Corpus([], 8000))
    with pytest.raises(ValueError, match="streams, which are left as they are"):
        Trainer(FAMILY, CONFIG, replace(OPTIONS, augmentation=WIDE), tmp_path / "wide")
    trainer.train(corpus)
    with pytest.raises(CheckpointError, match="other sizes or options"):
        Trainer(FAMILY, replace(CONFIG, head="gaussian"), OPTIONS, tmp_path / "model")


def test_a_loss_that_is_not_finite_ends_it_and_keeps_the_last_good_state(
    corpus: Corpus, tmp_path: Path
) -> None:
    Trainer(FAMILY, CONFIG, replace(OPTIONS, steps=5), tmp_path / "model").train(corpus)
    saved = files_of(tmp_path / "model")
    trainer = Trainer(FAMILY, CONFIG, OPTIONS, tmp_path / "model")
    trainer._optimiser.weights["output/biases"].assign(np.full(8, np.nan, np.float32))
    with pytest.raises(FloatingPointError, match="loss is nan at step 5"):
        trainer.train(corpus)
    assert files_of(tmp_path / "model") == saved
