"""A family is one file and one line of the registry: it trains, is saved, loads and generates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nsynth_batch.models import load_model
from nsynth_batch.models.checkpoint import convert, inspect, load_checkpoint
from nsynth_batch.models.engine import EngineUnavailableError, Request
from nsynth_batch.models.family import FAMILIES, family_named
from nsynth_batch.models.weights import CheckpointError, Weights, save_weights
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.options import TrainingOptions
from nsynth_batch.training.trainer import Trainer

TOY = "tests.nsynth_batch.models.toy_family"
OPTIONS = TrainingOptions(
    steps=40, batch=2, crop_samples=400, learning_rate=0.5, warmup_steps=1, decay_steps=5,
    average_decay=0.5,
)  # fmt: skip


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "toy", TOY)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    steps = np.tile(np.array([0, 8000, 16000, 8000], np.int16), 500)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FAMILIES, "toy", TOY)
        family = family_named("toy")
        trainer = Trainer(family, family.presets["tiny"], OPTIONS, folder)
        trainer.train(Corpus([("steps", [steps])], 8000))
    return folder


def test_a_trained_model_loads_by_its_folder_and_answers_what_every_model_does(
    trained: Path,
) -> None:
    model = load_model(trained)
    assert (model.family, model.sample_rate, model.config.hop) == ("toy", 8000, 1)
    assert model.facts()["checkpoint"] == load_checkpoint(trained).digest()
    assert repr(model).startswith("<toy model ")
    assert "8000 Hz" in repr(model)


def test_it_generates_what_it_has_learned(trained: Path) -> None:
    model = load_model(trained)
    loud = model.quantiser.encode(np.array([16000 / 32768], np.float32))
    [clip] = model.generate([Request("a", 1, 1, prompt=loud, temperature=0.05)])
    assert clip[0] * 32768 == pytest.approx(8000, rel=0.05)


def test_a_prefix_changes_no_code_and_a_curve_of_temperatures_is_taken(trained: Path) -> None:
    engine = load_model(trained).engine
    heat = np.linspace(0.5, 2, 50, dtype=np.float32)
    [whole] = engine.generate([Request("a", 1, 50, temperature=heat)])
    for kept in (0, 1, 20, 50):
        request = Request("a", 1, 50, prefix=whole[:kept], temperature=heat)
        np.testing.assert_array_equal(engine.generate([request])[0], whole)


def test_its_file_names_its_family_and_another_with_the_same_numbers_is_another_model(
    trained: Path, tmp_path: Path
) -> None:
    convert(trained, tmp_path / "toy.safetensors")
    found = inspect(tmp_path / "toy.safetensors")
    assert (found.family, found.parameters) == ("toy", 256 * 256)
    weights = load_checkpoint(trained)
    assert Weights(weights.config, weights.tensors).digest() != weights.digest()


def test_a_family_that_this_version_has_not_is_named(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert(trained, tmp_path / "toy.safetensors")
    monkeypatch.delitem(FAMILIES, "toy")
    with pytest.raises(CheckpointError, match=r"toy\.safetensors: no family is called 'toy'"):
        load_model(tmp_path / "toy.safetensors")


def test_an_engine_that_the_family_has_not_is_refused(trained: Path) -> None:
    with pytest.raises(EngineUnavailableError, match="no engine is called 'native': choose auto"):
        load_model(trained, engine="native")


def test_training_at_another_rate_is_refused(tmp_path: Path) -> None:
    family = family_named("toy")
    trainer = Trainer(family, family.presets["tiny"], OPTIONS, tmp_path / "out")
    corpus = Corpus([("a", [np.ones(900, np.int16)])], 16_000)
    with pytest.raises(ValueError, match="the corpus is at 16000 Hz, the model at 8000 Hz"):
        trainer.train(corpus)


def test_a_file_that_names_no_family_is_nsynths(tmp_path: Path) -> None:
    small = load_checkpoint("small")
    save_weights(small, tmp_path / "again.safetensors")
    assert load_checkpoint(tmp_path / "again.safetensors").family == "nsynth"
    assert load_checkpoint(tmp_path / "again.safetensors").digest() == small.digest()
