from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.recipe import Corruption, Recipe
from nsynth_batch.models.wavenet.config import Config
from nsynth_batch.models.wavenet.family import FAMILY
from nsynth_batch.models.weights import CheckpointError, Weights
from nsynth_batch.training.corpus import Augmentation, Corpus
from nsynth_batch.training.options import TrainingOptions, TrainingProgress
from nsynth_batch.training.trainer import Trainer
from tests.nsynth_batch.builders import ODD

OPTIONS = TrainingOptions(
    steps=30,
    crop_samples=256,
    learning_rate=0.01,
    warmup_steps=3,
    decay_steps=5,
    average_decay=0.9,
    augmentation=Augmentation(gain_db=(-3, 0), flip=True),
)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    tone = 8000 * np.sin(np.arange(8000) * 0.05)
    return Corpus([("tone", [tone.astype(np.int16)])])


def test_training_learns(corpus: Corpus, tmp_path: Path) -> None:
    heard: list[TrainingProgress] = []
    trainer = Trainer(FAMILY, ODD, OPTIONS, tmp_path)
    trainer.train(corpus, report_steps=10, on_progress=heard.append)
    assert [progress.step for progress in heard] == [10, 20, 30]
    first, last = heard[0].nll, heard[-1].nll
    assert first and last and last < first - 0.3
    assert load_checkpoint(tmp_path).metadata["step"] == "30"


def test_interrupted_training_ends_in_the_same_weights(corpus: Corpus, tmp_path: Path) -> None:
    whole = Trainer(FAMILY, ODD, OPTIONS, tmp_path / "whole").train(corpus)
    stop = threading.Event()

    def stop_at_ten(progress: TrainingProgress) -> None:
        if progress.step == 10:
            stop.set()

    broken = Trainer(FAMILY, ODD, OPTIONS, tmp_path / "broken")
    broken.train(corpus, report_steps=1, on_progress=stop_at_ten, stop=stop)
    resumed = Trainer(FAMILY, ODD, OPTIONS, tmp_path / "broken")
    assert resumed.step == 10
    assert resumed.train(corpus).digest() == whole.digest()


def test_the_encoder_learns_first_and_alone(corpus: Corpus, tmp_path: Path) -> None:
    options = replace(OPTIONS, recipe=Recipe(Corruption(), 0.1, encoder_steps=10))
    seen: list[TrainingProgress] = []
    steps: list[tuple[int, Weights[Config]]] = []
    Trainer(FAMILY, ODD, options, tmp_path).train(
        corpus,
        report_steps=10,
        on_progress=seen.append,
        listen_steps=10,
        on_listen=lambda step, weights: steps.append((step, weights)),
    )
    assert [progress.nll is None for progress in seen] == [True, False, False]
    assert seen[2].auxiliary and seen[0].auxiliary and seen[2].auxiliary < seen[0].auxiliary
    begun = FAMILY.initial(ODD, options.seed).tensors
    assert [step for step, _ in steps] == [10, 20, 30]
    alone, everything = steps[0][1].tensors, steps[1][1].tensors
    # The averages of the decoder have not moved: only rounding of the mean is seen.
    assert np.allclose(alone["out1/W"], begun["out1/W"], atol=1e-7)
    assert not np.allclose(alone["ae_bottleneck/W"], begun["ae_bottleneck/W"], atol=1e-3)
    assert not np.allclose(everything["out1/W"], begun["out1/W"], atol=1e-3)
    assert set(load_checkpoint(tmp_path).tensors) == set(begun)


def test_training_goes_on_exactly_with_noise_and_a_head(corpus: Corpus, tmp_path: Path) -> None:
    options = replace(OPTIONS, steps=12, recipe=Recipe(Corruption(), 0.1, encoder_steps=4))
    whole = Trainer(FAMILY, ODD, options, tmp_path / "whole").train(corpus)
    for ends in (3, 7, 12):
        stop = threading.Event()

        def stop_there(progress: TrainingProgress, ends: int = ends) -> None:
            if progress.step == ends:
                stop.set()  # noqa: B023 (called before the loop goes on)

        trainer = Trainer(FAMILY, ODD, options, tmp_path / "parts")
        trainer.train(corpus, report_steps=1, on_progress=stop_there, stop=stop)
    assert load_checkpoint(tmp_path / "parts").digest() == whole.digest()


def test_a_training_begins_with_the_model_that_it_is_given(corpus: Corpus, tmp_path: Path) -> None:
    first = Trainer(FAMILY, ODD, replace(OPTIONS, steps=3), tmp_path / "first").train(corpus)
    second = Trainer(FAMILY, ODD, OPTIONS, tmp_path / "second", first)
    assert np.array_equal(second.averaged().tensors["out1/W"], first.tensors["out1/W"])
    second.save()
    with pytest.raises(CheckpointError, match="other sizes or options"):
        Trainer(FAMILY, ODD, OPTIONS, tmp_path / "second")
    with pytest.raises(ValueError, match="other sizes"):
        Trainer(FAMILY, replace(ODD, ae_width=9), OPTIONS, tmp_path / "third", first)


def test_training_of_other_options_is_not_gone_on_with(corpus: Corpus, tmp_path: Path) -> None:
    Trainer(FAMILY, ODD, replace(OPTIONS, steps=1), tmp_path).train(corpus)
    with pytest.raises(CheckpointError, match="other sizes or options"):
        Trainer(FAMILY, ODD, replace(OPTIONS, learning_rate=0.02), tmp_path)
    Trainer(FAMILY, ODD, replace(OPTIONS, steps=2), tmp_path).train(corpus)
    state = tmp_path / "training-2.safetensors"
    state.write_bytes(state.read_bytes()[:500])
    with pytest.raises(CheckpointError, match="not a readable training"):
        Trainer(FAMILY, ODD, OPTIONS, tmp_path)


def test_rates_rise_stay_and_fall() -> None:
    rates = [OPTIONS.rate(step) for step in range(30)]
    assert rates[:3] == pytest.approx([0.01 / 3, 0.02 / 3, 0.01])
    assert set(rates[3:25]) == {0.01}
    assert rates[-1] == pytest.approx(0.002)
    published = replace(OPTIONS, schedule="published")
    assert [published.rate(s) for s in (0, 90_000, 199_999)] == [2e-4, 4e-4 / 3, 2e-5]


def test_nothing_to_train_on_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no samples"):
        Trainer(FAMILY, ODD, OPTIONS, tmp_path).train(Corpus([]))
    with pytest.raises(ValueError, match="multiple of the hop 64"):
        Trainer(FAMILY, ODD, replace(OPTIONS, crop_samples=100), tmp_path)
