from __future__ import annotations

import resource
import shutil
import threading
from dataclasses import dataclass, replace
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

# What a training takes here is the tracing of its graph, which grows with the layers.
SMALL = replace(ODD, num_layers=3, num_stages=2, ae_num_layers=2, ae_num_stages=2)
OPTIONS = TrainingOptions(
    steps=30,
    crop_samples=256,
    learning_rate=0.01,
    warmup_steps=3,
    decay_steps=5,
    average_decay=0.9,
    augmentation=Augmentation(gain_db=(-3, 0), flip=True),
)


@dataclass(frozen=True)
class Whole:
    """A training that is over: its folder, its weights, what it said on the way."""

    folder: Path
    weights: Weights[Config]
    seen: list[TrainingProgress]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    tone = 8000 * np.sin(np.arange(8000) * 0.05)
    return Corpus([("tone", [tone.astype(np.int16)])])


@pytest.fixture(scope="module")
def whole(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A training that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    seen: list[TrainingProgress] = []
    trainer = Trainer(FAMILY, SMALL, OPTIONS, folder)
    weights = trainer.train(corpus, report_steps=10, on_progress=seen.append)
    return Whole(folder, weights, seen)


def test_training_learns(whole: Whole) -> None:
    assert [progress.step for progress in whole.seen] == [10, 20, 30]
    first, last = whole.seen[0].loss, whole.seen[-1].loss
    assert first and last and last < first - 0.3
    assert load_checkpoint(whole.folder).metadata["step"] == "30"


def test_interrupted_training_ends_in_the_same_weights(
    corpus: Corpus, whole: Whole, tmp_path: Path
) -> None:
    stop = threading.Event()

    def stop_at_ten(progress: TrainingProgress) -> None:
        if progress.step == 10:
            stop.set()

    broken = Trainer(FAMILY, SMALL, OPTIONS, tmp_path / "broken")
    broken.train(corpus, report_steps=1, on_progress=stop_at_ten, stop=stop)
    resumed = Trainer(FAMILY, SMALL, OPTIONS, tmp_path / "broken")
    assert resumed.step == 10
    assert resumed.train(corpus).digest() == whole.weights.digest()


def test_a_full_disk_in_a_save_costs_no_bit(corpus: Corpus, whole: Whole, tmp_path: Path) -> None:
    # A limit on the size of a file stands in for a full disk: the same call fails, half way.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    fills = {
        "model-12": 1000,
        "training-21": (whole.folder / "model-30.safetensors").stat().st_size,
    }

    for (file, room), saved in zip(fills.items(), (11, 20), strict=True):

        def fill(progress: TrainingProgress, last: int = saved, room: int = room) -> None:
            if progress.step > last:
                resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))

        trainer = Trainer(FAMILY, SMALL, OPTIONS, tmp_path)
        try:
            with pytest.raises(OSError, match="too large") as caught:
                trainer.train(corpus, report_steps=1, save_seconds=0.0, on_progress=fill)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert caught.value.filename == str(tmp_path / f"{file}.safetensors")
        assert load_checkpoint(tmp_path).metadata["step"] == str(saved)
    resumed = Trainer(FAMILY, SMALL, OPTIONS, tmp_path)
    assert resumed.step == 20
    resumed.train(corpus)
    for left in (whole.folder, tmp_path):
        assert len(list(left.iterdir())) == 3
    for file in whole.folder.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


@dataclass(frozen=True)
class Taught(Whole):
    """One with noise on its inputs, the encoder first: its weights every ten steps too."""

    steps: dict[int, Weights[Config]]


ENCODER_FIRST = replace(OPTIONS, recipe=Recipe(Corruption(), 0.1, encoder_steps=10))


@pytest.fixture(scope="module")
def taught(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Taught:
    folder = tmp_path_factory.mktemp("taught")
    seen: list[TrainingProgress] = []
    steps: dict[int, Weights[Config]] = {}
    weights = Trainer(FAMILY, SMALL, ENCODER_FIRST, folder).train(
        corpus,
        report_steps=10,
        on_progress=seen.append,
        listen_steps=10,
        on_listen=steps.__setitem__,
    )
    return Taught(folder, weights, seen, steps)


def test_the_encoder_learns_first_and_alone(taught: Taught) -> None:
    seen, steps = taught.seen, taught.steps
    assert [progress.loss is None for progress in seen] == [True, False, False]
    assert seen[2].auxiliary and seen[0].auxiliary and seen[2].auxiliary < seen[0].auxiliary
    begun = FAMILY.initial(SMALL, ENCODER_FIRST.seed).tensors
    assert list(steps) == [10, 20, 30]
    alone, everything = steps[10].tensors, steps[20].tensors
    # The averages of the decoder have not moved: only rounding of the mean is seen.
    assert np.allclose(alone["out1/W"], begun["out1/W"], atol=1e-7)
    assert not np.allclose(alone["ae_bottleneck/W"], begun["ae_bottleneck/W"], atol=1e-3)
    assert not np.allclose(everything["out1/W"], begun["out1/W"], atol=1e-3)
    assert set(load_checkpoint(taught.folder).tensors) == set(begun)


def test_an_encoder_that_is_kept_is_as_it_was(corpus: Corpus, tmp_path: Path) -> None:
    recipe = Recipe(Corruption(), 0.1, encoder_steps=2, keep_encoder=True)
    assert [recipe.phase(step) for step in (1, 2)] == ["encoder", "decoder"]
    given = FAMILY.initial(SMALL, 1).tensors
    options = replace(OPTIONS, steps=6, recipe=replace(recipe, encoder_steps=0))
    weights = Trainer(FAMILY, SMALL, options, tmp_path, FAMILY.initial(SMALL, 1)).train(corpus)
    for name, value in weights.tensors.items():
        # The last block's residual product leads nowhere.
        kept = name.startswith(("ae_", f"res_{SMALL.num_layers}/"))
        # Only rounding of the averages is seen.
        assert np.allclose(value, given[name], atol=1e-7) == kept, name


def test_training_goes_on_exactly_with_noise_and_a_head(
    corpus: Corpus, taught: Taught, tmp_path: Path
) -> None:
    for ends in (5, 20, 30):
        stop = threading.Event()

        def stop_there(progress: TrainingProgress, ends: int = ends) -> None:
            if progress.step == ends:
                stop.set()  # noqa: B023 (called before the loop goes on)

        trainer = Trainer(FAMILY, SMALL, ENCODER_FIRST, tmp_path)
        trainer.train(corpus, report_steps=1, on_progress=stop_there, stop=stop)
    assert load_checkpoint(tmp_path).digest() == taught.weights.digest()


def test_a_training_begins_with_the_model_that_it_is_given(whole: Whole, tmp_path: Path) -> None:
    first = whole.weights
    second = Trainer(FAMILY, SMALL, OPTIONS, tmp_path / "second", first)
    assert np.array_equal(second.averaged().tensors["out1/W"], first.tensors["out1/W"])
    second.save()
    with pytest.raises(CheckpointError, match="other sizes or options"):
        Trainer(FAMILY, SMALL, OPTIONS, tmp_path / "second")
    with pytest.raises(ValueError, match="other sizes"):
        Trainer(FAMILY, replace(SMALL, ae_width=9), OPTIONS, tmp_path / "third", first)


def test_training_of_other_options_is_not_gone_on_with(whole: Whole, tmp_path: Path) -> None:
    shutil.copytree(whole.folder, tmp_path, dirs_exist_ok=True)
    with pytest.raises(CheckpointError, match="other sizes or options"):
        Trainer(FAMILY, SMALL, replace(OPTIONS, learning_rate=0.02), tmp_path)
    longer = Trainer(FAMILY, SMALL, replace(OPTIONS, steps=40, decay_steps=9), tmp_path)
    assert longer.step == 30
    state = tmp_path / "training-30.safetensors"
    state.write_bytes(state.read_bytes()[:500])
    with pytest.raises(CheckpointError, match="not a readable training"):
        Trainer(FAMILY, SMALL, OPTIONS, tmp_path)


def test_rates_rise_stay_and_fall() -> None:
    rates = [OPTIONS.rate(step) for step in range(30)]
    assert rates[:3] == pytest.approx([0.01 / 3, 0.02 / 3, 0.01])
    assert set(rates[3:25]) == {0.01}
    assert rates[-1] == pytest.approx(0.002)
    published = replace(OPTIONS, schedule="published")
    assert [published.rate(s) for s in (0, 90_000, 199_999)] == [2e-4, 4e-4 / 3, 2e-5]


def test_nothing_to_train_on_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no samples"):
        Trainer(FAMILY, SMALL, OPTIONS, tmp_path).train(Corpus([]))
    with pytest.raises(ValueError, match="multiple of the hop 64"):
        Trainer(FAMILY, SMALL, replace(OPTIONS, crop_samples=100), tmp_path)
