"""The published shape: spectrograms there and back, codes and pitches, norms of the whole batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from nsynth_batch.models import load_model
from nsynth_batch.models.draws import Draws
from nsynth_batch.models.engine import EngineUnavailableError
from nsynth_batch.models.loading import make_engine
from nsynth_batch.models.spectral import published_graph as graph
from nsynth_batch.models.spectral import published_spectrogram as spectrogram
from nsynth_batch.models.spectral.family import FAMILY
from nsynth_batch.models.spectral.model import SpectralModel
from nsynth_batch.models.spectral.published_config import PublishedConfig, tensor_shapes
from nsynth_batch.models.weights import Array, save_weights
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.options import TrainingOptions
from nsynth_batch.training.plan import plan_training
from nsynth_batch.training.trainer import Trainer

CONFIG = PublishedConfig(latent=6, channels=2, iterations=4)
HOP = CONFIG.hop
WEIGHTS = FAMILY.initial(CONFIG, 3)
OPTIONS = TrainingOptions(
    steps=2, batch=2, crop_samples=HOP, learning_rate=0.01, warmup_steps=1, decay_steps=1
)
MEAN, VARIANCE = (f"encoder/0_Layer/0/BatchNorm/moving_{name}" for name in ("mean", "variance"))


def note(hertz: float = 440.0, seconds: float = 4.0) -> Array:
    time = np.arange(round(seconds * 16_000)) / 16_000
    return (0.3 * np.sin(2 * np.pi * hertz * time) * np.exp(-time)).astype(np.float32)


def corpus() -> Corpus:
    sounds = [(f"{hertz}", (note(hertz) * 32767).astype(np.int16)) for hertz in (220.0, 330.0)]
    return Corpus([(name, [samples]) for name, samples in sounds])


@pytest.fixture(scope="module")
def model() -> SpectralModel:
    return FAMILY.model(WEIGHTS, make_engine(WEIGHTS, "auto"))


def test_its_sizes_are_the_published_ones() -> None:
    shapes = tensor_shapes(PublishedConfig())
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 36_779_713
    assert shapes["decoder/0_Layer/0/weights"] == (1, 1, 1024, 1984 + 128)
    assert not any("Pitch" in name for name in tensor_shapes(replace(CONFIG, pitches=0)))


def test_a_spectrogram_is_undone_by_finding_phases() -> None:
    audio = note()
    seen = spectrogram.picture(CONFIG, audio)
    assert (seen.min(), seen.max()) == (0, 1)
    assert not seen[:, 251:].any()
    wanted = spectrogram.magnitudes(CONFIG, seen[None])
    assert wanted.shape == (251, 513)
    made = spectrogram.sound(CONFIG, wanted, Draws(1, "a"))
    again = spectrogram.picture(CONFIG, made)
    loud = seen > 0.9
    assert np.abs(again - seen)[loud].max() < 0.03
    assert np.abs(made).max() == pytest.approx(1)


def test_spectrograms_are_joined_at_their_ends() -> None:
    one = np.full((1, 512, 256), 0.5, np.float32)
    one[:, :, 250:] = 0.25
    wanted = spectrogram.magnitudes(CONFIG, np.concatenate([one, one]))
    assert wanted.shape == (501, 513)
    np.testing.assert_allclose(wanted[:500, :512], 1e-3, rtol=1e-5)
    np.testing.assert_allclose(wanted[500, :512], 10**-4.5, rtol=1e-5)


@pytest.mark.parametrize(("hertz", "midi"), [(440.0, 69), (261.6, 60), (0.0, spectrogram.NO_PITCH)])
def test_a_pitch_is_a_midi_number(hertz: float, midi: int) -> None:
    assert spectrogram.pitch(CONFIG, note(hertz)) == midi


def test_a_code_and_a_pitch_stand_for_four_seconds(model: SpectralModel) -> None:
    audio = np.stack([np.concatenate([note(440), note(261.6)])])
    encodings = model.encode(audio)
    assert encodings.shape == (1, 2, 7)
    assert encodings[0, :, 6].tolist() == [69, 60]
    [clip] = model.decode(encodings, seed=2, ids=["a"])
    assert clip.shape == (2 * HOP,)
    np.testing.assert_array_equal(model.decode(encodings, seed=2, ids=["a"])[0], clip)
    assert model.loss(audio)[0] > 0


def test_another_pitch_is_another_sound_and_none_is_none(model: SpectralModel) -> None:
    rows = np.zeros((5, 7), np.float32)
    rows[:, 6] = [60, 60.4, 72, -1, 500]
    made = model.engine.shape.pictures(rows)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(made[0], made[1])
    np.testing.assert_array_equal(made[3], made[4])
    assert np.abs(made[0] - made[2]).max() > 0
    assert np.abs(made[0] - made[3]).max() > 0


def test_it_runs_on_tensorflow_alone_and_refuses_what_does_not_fit(model: SpectralModel) -> None:
    assert model.facts()["engine"] == "tensorflow"
    with pytest.raises(EngineUnavailableError, match="choose auto, tensorflow"):
        make_engine(WEIGHTS, "native")
    with pytest.raises(ValueError, match=r"wanted \[frames, 7\]"):
        model.decode(np.zeros((1, 1, 6), np.float32))
    assert model.encode(note(seconds=3.9)[None]).shape == (1, 0, 7)
    with pytest.raises(ValueError, match="pitches must be 128, or 0"):
        replace(CONFIG, pitches=64)


def test_a_file_of_it_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_weights(WEIGHTS, path)
    again = load_model(path)
    assert again.config == CONFIG
    assert again.facts()["checkpoint"] == WEIGHTS.digest()


def test_a_crop_is_normalised_with_all_of_its_batch() -> None:
    crops = np.stack([note(440), note(261.6)])
    batch = FAMILY.batch(CONFIG, crops, OPTIONS.recipe, np.random.default_rng(1))
    tensors = {name: tf.constant(value) for name, value in WEIGHTS.tensors.items()}

    def moments(rows: slice) -> dict[str, Array]:
        some = {name: tf.constant(values[rows]) for name, values in batch.items()}
        found = FAMILY.loss(CONFIG, tensors, some, None, "all").averaged
        return {name: value.numpy() for name, value in found.items()}

    both, first, second = moments(slice(0, 2)), moments(slice(0, 1)), moments(slice(1, 2))
    np.testing.assert_allclose(both[MEAN], (first[MEAN] + second[MEAN]) / 2, atol=1e-5)
    squares = [m[VARIANCE] + m[MEAN] ** 2 for m in (first, second)]
    np.testing.assert_allclose(both[VARIANCE] + both[MEAN] ** 2, sum(squares) / 2, atol=1e-5)


def test_it_learns_with_the_norms_of_its_batches(tmp_path: Path) -> None:
    trained = Trainer(FAMILY, CONFIG, OPTIONS, tmp_path).train(corpus())
    begun = FAMILY.initial(CONFIG, OPTIONS.seed)
    for name, value in trained.tensors.items():
        assert np.abs(value - begun.tensors[name]).max() > 0 or "Pitch" in name, name
    assert np.abs(trained.tensors[MEAN]).max() > 0


def test_crops_of_another_length_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="learns crops of 64000 samples, not of 128000"):
        Trainer(FAMILY, CONFIG, replace(OPTIONS, crop_samples=2 * HOP), tmp_path)


def test_a_plan_counts_the_outputs_that_are_kept() -> None:
    config = PublishedConfig()
    eight = plan_training(FAMILY, config, replace(OPTIONS, batch=8)).memory
    sixteen = plan_training(FAMILY, config, replace(OPTIONS, batch=16)).memory
    assert sixteen - eight == 8 * 4 * FAMILY.kept_numbers(config)
    assert 0.4e9 < (sixteen - eight) / 8 < 0.8e9
    # On workers a batch is as many numbers; each has TensorFlow and the weights beside them.
    synchronous = replace(OPTIONS, batch=16, exchange="sync")
    four, two = (plan_training(FAMILY, config, synchronous, workers=k).memory for k in (4, 2))
    assert 16 * 4 * FAMILY.kept_numbers(config) < two < four
    assert four - sixteen == pytest.approx(3 * (two - sixteen))


def test_weights_of_a_frequency_fall_from_ten_to_one() -> None:
    weights = graph.frequency_weights(PublishedConfig())
    assert (weights[0], weights[255], weights[256]) == (10, 1, 1)
    assert np.all(np.diff(weights) <= 0)
