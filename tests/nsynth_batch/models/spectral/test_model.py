"""A spectral autoencoder as users get it: training, resuming, arguments that do not fit."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nsynth_batch.models import load_model
from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.recipe import FREE_RUNNING
from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.spectral.family import FAMILY
from nsynth_batch.models.weights import CheckpointError
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.fidelity import fidelity
from nsynth_batch.training.options import TrainingOptions
from nsynth_batch.training.trainer import Trainer
from sequencer.errors import AudioError

CONFIG = SpectralConfig(width=8, hidden=16, iterations=8)
OPTIONS = TrainingOptions(
    steps=60, batch=2, crop_samples=8 * CONFIG.hop, learning_rate=0.01, warmup_steps=5,
    decay_steps=30, average_decay=0.9,
)  # fmt: skip


def corpus() -> Corpus:
    time = np.arange(3 * 16_000) / 16_000
    tone = 0.3 * np.sin(2 * np.pi * 330 * time) + 0.2 * np.sin(2 * np.pi * 660 * time)
    return Corpus([("tone", [(tone * 32767).astype(np.int16)])])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spectral")
    Trainer(FAMILY, CONFIG, OPTIONS, folder).train(corpus())
    return folder


def test_it_learns_a_note_and_plays_it(trained: Path) -> None:
    model = load_model(trained)
    assert (model.family, model.hop, model.width, model.sample_rate) == ("spectral", 512, 8, 16000)
    _, samples = next(corpus().recordings())
    audio = (samples[: 40 * 512] / 32768).astype(np.float32)
    output = model.decode(model.encode(audio[None]), seed=1)[0]
    assert output.shape == audio.shape
    assert fidelity(audio, output, 16_000).pitch_kept > 0.9
    begun = FAMILY.initial(CONFIG, 0)
    fresh = FAMILY.model(begun, FAMILY.make_engine("native", begun, {}))
    assert model.loss(audio[None])[0] < 0.2 * fresh.loss(audio[None])[0]


def test_a_training_that_stops_goes_on_to_the_same_weights(trained: Path, tmp_path: Path) -> None:
    half = replace(OPTIONS, steps=20)
    Trainer(FAMILY, CONFIG, replace(half, decay_steps=1), tmp_path)  # begins nothing
    first = Trainer(FAMILY, CONFIG, OPTIONS, tmp_path)
    steps = 0

    class Stop:
        def is_set(self) -> bool:
            nonlocal steps
            steps += 1
            return steps > 20

    first.train(corpus(), stop=Stop())  # type: ignore[arg-type]
    second = Trainer(FAMILY, CONFIG, OPTIONS, tmp_path)
    assert second.step == 20
    second.train(corpus())
    assert load_checkpoint(tmp_path).digest() == load_checkpoint(trained).digest()


def test_a_recipe_that_it_has_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no recipe helps it"):
        Trainer(FAMILY, CONFIG, replace(OPTIONS, recipe=FREE_RUNNING), tmp_path)


def test_sizes_in_a_file_that_are_none_are_refused() -> None:
    known = CONFIG.to_dict()
    for values in ({**known, "depth": 1}, {k: v for k, v in known.items() if k != "step"}):
        with pytest.raises(ValueError, match=r"unknown model size|is missing"):
            FAMILY.config_from(values)


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros(2048, np.float32), r"give one sound as audio\[None\]"),
        (np.zeros((2048, 2), np.float32), "looks like 2 channels"),
        (np.zeros((1, 2048), np.int16), "divide 16-bit samples"),
        (np.full((1, 2048), np.nan, np.float32), "not finite"),
        (np.full((1, 2048), 20_000, np.float32), r"reaches 2e\+04; divide .* \(16 bits: 32768\)"),
    ],
)
def test_audio_that_does_not_fit_is_refused(audio: np.ndarray, message: str, trained: Path) -> None:
    model = load_model(trained)
    for method in (model.encode, model.loss):
        with pytest.raises(ValueError, match=message):
            method(audio)


def test_audio_beyond_full_scale_or_too_short_for_a_frame_is_taken_with_a_word(
    trained: Path, tmp_path: Path
) -> None:
    model = load_model(trained)
    with pytest.warns(
        UserWarning, match=r"reaches 1.5 times full scale, and models know \[-1, 1\]"
    ):
        assert model.encode(np.full((1, 2048), 1.5, np.float32)).shape == (1, 4, 8)
    with pytest.warns(UserWarning, match=r"511 samples are less than one frame .* \(512\)"):
        assert model.encode(np.zeros((1, 511), np.float32)).shape == (1, 0, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.encode(np.ones((1, 512), np.float32)).shape == (1, 1, 8)
        assert model.encode(np.zeros((2, 0), np.float32)).shape == (2, 0, 8)
    time = np.arange(1024) / 16_000
    soundfile.write(tmp_path / "a.wav", 2 * np.sin(2000 * time), 16_000, subtype="FLOAT")
    with pytest.warns(UserWarning, match=r"a.wav: samples reach 2 times full scale"):
        assert model.encode_file(tmp_path / "a.wav").shape == (2, 8)
    soundfile.write(tmp_path / "b.wav", np.sin(2000 * time[:300]), 16_000)
    with pytest.raises(AudioError, match=r"300 samples .* one frame of the model is 512"):
        model.encode_file(tmp_path / "b.wav")


def test_channels_are_refused_where_one_sound_is_wanted(trained: Path) -> None:
    model = load_model(trained)
    stereo = np.zeros((2, 2048), np.float32)
    # By contract two rows are two sounds; of a file's array that is seen at the next step.
    both = model.encode(stereo)
    with pytest.raises(ValueError, match=r"a must be an encoding .*one of a batch, as a\[0\]"):
        model.mashup(both, both[0])
    with pytest.raises(ValueError, match=r"mono \[samples\], not .*\.mean\(axis=0\) mixes"):
        model.require_frame(stereo)


@pytest.mark.parametrize(
    ("encodings", "message"),
    [
        (np.zeros((2, 8), np.float32), r"encodings\[None\]"),
        (np.zeros((1, 2, 9), np.float32), r"wanted \[frames, 8\]"),
        ([np.zeros((2, 8), np.float32)] * 2, "different ids"),
    ],
)
def test_encodings_that_do_not_fit_are_refused(
    encodings: object, message: str, trained: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        load_model(trained).decode(encodings, ids=["a"])


def test_silence_and_nothing_are_decoded(trained: Path) -> None:
    model = load_model(trained)
    assert model.encode(np.zeros((2, 511), np.float32)).shape == (2, 0, 8)
    assert model.decode(np.zeros((0, 3, 8), np.float32)).shape == (0, 1536)
    assert model.decode([np.zeros((0, 8), np.float32)])[0].shape == (0,)
    with pytest.raises(ValueError, match="shorter than a hop"):
        model.loss(np.zeros((1, 100), np.float32))


def test_a_file_of_another_kind_is_refused(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"no model")
    with pytest.raises(CheckpointError):
        load_model(tmp_path / "model.safetensors")
