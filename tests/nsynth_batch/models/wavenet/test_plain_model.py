"""A WaveNet without conditioning: what moves what, and that it generates what it has learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.draws import Draws
from nsynth_batch.models.engine import EngineUnavailableError
from nsynth_batch.models.loading import load_model
from nsynth_batch.models.model import temperature_curve
from nsynth_batch.models.quantiser import LOWEST
from nsynth_batch.models.wavenet import graph
from nsynth_batch.models.wavenet.loss import plain_nll
from nsynth_batch.models.wavenet.plain_config import PLAIN_CONFIGS, PlainConfig
from nsynth_batch.models.wavenet.plain_family import FAMILY
from nsynth_batch.models.wavenet.plain_model import PlainModel
from nsynth_batch.models.weights import save_weights
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.options import TrainingOptions
from nsynth_batch.training.trainer import Trainer

TWO = PlainConfig(num_layers=6, num_stages=3, width=6, skip_width=10)
THREE = replace(TWO, filter_length=3, quantiser="linear", gain=2.0, sample_rate=8000)


def model_of(config: PlainConfig, folder: Path, seed: int = 3) -> PlainModel:
    save_weights(FAMILY.initial(config, seed), folder / "plain.safetensors")
    loaded = load_model(folder / "plain.safetensors", threads=2)
    assert isinstance(loaded, PlainModel)
    return loaded


@pytest.fixture(params=[TWO, THREE], ids=["two taps", "three taps"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> PlainModel:
    return model_of(request.param, tmp_path)


def noise(rows: int, samples: int) -> np.ndarray:
    return np.random.default_rng(5).uniform(-0.4, 0.4, (rows, samples)).astype(np.float32)


def test_a_future_sample_moves_no_earlier_logit_and_the_previous_one_does(
    model: PlainModel,
) -> None:
    audio = noise(1, 120)
    before = model.logits(audio)
    past = model.config.receptive_field
    for t in (0, 40, 118):
        other = audio.copy()
        other[0, t] = -0.9
        change = np.abs(model.logits(other) - before).max(axis=2)[0]
        assert not change[: t + 1].any()
        assert change[t + 1] > 1e-3
        # Products are shared by neighbouring taps: beyond the receptive field rounding is left.
        assert not (change[t + past + 1 :] > 1e-5).any()


def test_the_native_logits_are_tensorflows(model: PlainModel, tmp_path: Path) -> None:
    weights = load_checkpoint(tmp_path / "plain.safetensors")
    audio, past = noise(2, 70), model.config.receptive_field
    # TensorFlow begins at nothing at all: with the silence before it, it is the same network.
    codes = model.quantiser.encode(np.pad(audio, ((0, 0), (past, 0)))).astype(np.float32)
    tensors = graph.tensors_of(weights, "float32")
    reference = graph.decoder(model.config, tensors, tf.constant(codes), first=past).numpy()
    np.testing.assert_allclose(model.logits(audio), reference, atol=2e-5)


def test_step_logits_are_teacher_forced_logits(model: PlainModel, tmp_path: Path) -> None:
    weights = load_checkpoint(tmp_path / "plain.safetensors")
    tensors, config = graph.tensors_of(weights, "float32"), model.config
    codes = model.quantiser.encode(noise(2, 30)).astype(np.float32)
    whole = graph.decoder(config, tensors, tf.constant(codes)).numpy()
    inputs = [tf.zeros([2, 1])] * config.filter_length
    histories = graph.silence(config, tensors, 2)
    step = tf.function(lambda t, past, kept: graph.step(config, tensors, t, past, kept))
    for t in range(30):
        logits, histories = step(tf.constant(t), inputs, histories)
        np.testing.assert_allclose(logits.numpy(), whole[:, t], atol=2e-5)
        inputs = [*inputs[1:], tf.constant(codes[:, t : t + 1]) * graph.INPUT_SCALE]


@pytest.mark.parametrize("temperature", [1.0, (0.6, 1.4)])
def test_each_sample_is_drawn_from_its_teacher_forced_logits(
    model: PlainModel, temperature: float | tuple[float, float]
) -> None:
    seconds, samples = 300 / model.sample_rate, 300
    [clip] = model.generate(seconds, ["a"], seed=4, temperature=temperature)
    heat = np.broadcast_to(temperature_curve(temperature, samples), samples)
    scaled = model.logits(clip[None])[0].astype(np.float64) / heat[:, None]
    chances = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    sums = np.cumsum(chances / chances.sum(axis=1, keepdims=True), axis=1)
    bins = model.quantiser.encode(clip).astype(int) - LOWEST
    # The draw of each lies where its code says: within the code's share of the sum.
    context = -(-model.config.receptive_field // 32) * 32
    drawn = Draws(4, "a").uniform(context, samples)
    low = np.where(bins > 0, np.take_along_axis(sums, np.maximum(bins - 1, 0)[:, None], 1)[:, 0], 0)
    high = np.take_along_axis(sums, bins[:, None], 1)[:, 0]
    assert (drawn > low - 1e-5).all()
    assert (drawn < high + 1e-5).all()
    assert len(np.unique(bins)) > 30


def test_a_clip_is_the_same_in_any_batch_and_from_any_prefix(model: PlainModel) -> None:
    seconds = 150 / model.sample_rate
    for heat in (1.0, (0.5, 1.5)):
        seen: list[list[np.ndarray]] = []
        keep = seen.append
        whole = model.generate(seconds, ["a", "b", "c"], temperature=heat, on_codes=keep)
        assert all(len(clip) == 150 for clip in whole)
        codes = [model.quantiser.encode(clip) for clip in whole]
        assert seen
        for made in seen:
            for part, clip in zip(made, codes, strict=True):
                np.testing.assert_array_equal(part, clip[: len(part)])
        [alone] = model.generate(seconds, ["b"], temperature=heat)
        np.testing.assert_array_equal(alone, whole[1])
        prefixes = [codes[0][:149], codes[1][:0], codes[2][:37]]
        again = model.generate(seconds, ["a", "b", "c"], temperature=heat, prefixes=prefixes)
        for one, other in zip(again, whole, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_clip_goes_on_from_its_prime(model: PlainModel) -> None:
    audio = noise(1, 500)[0]
    seconds = 40 / model.sample_rate
    [after] = model.generate(seconds, ["a"], primes=[audio])
    [nothing] = model.generate(seconds, ["a"])
    assert len(after) == 40
    assert not np.array_equal(after, nothing)
    silent = np.zeros(model.config.receptive_field // 2, np.float32)
    [silence] = model.generate(seconds, ["a"], primes=[silent])
    np.testing.assert_array_equal(silence, nothing)
    # What lies further back than it sees is not gone through.
    past = -(-model.config.receptive_field // 32) * 32
    [last] = model.generate(seconds, ["a"], primes=[audio[-past:]])
    np.testing.assert_array_equal(last, after)


def test_what_is_given_is_not_scored(model: PlainModel) -> None:
    audio = noise(1, 200)
    all_of_it, rest = model.nll(audio)[0], model.nll(audio, given=150)[0]
    first = model.nll(audio[:, :150])[0]
    assert (150 * first + 50 * rest) / 200 == pytest.approx(all_of_it)
    with pytest.raises(ValueError, match="no sample to score"):
        model.nll(audio, given=200)


def test_sizes_are_read_back_and_wrong_ones_refused() -> None:
    assert PlainConfig.from_dict(THREE.to_dict()) == THREE
    old = {name: v for name, v in TWO.to_dict().items() if name not in ("quantiser", "gain")}
    assert PlainConfig.from_dict(old).quantiser == "mu-law-nsynth"
    assert PLAIN_CONFIGS["small"].receptive_field == 5117
    for wrong in ({"filter_length": 4}, {"quantiser": "alaw"}, {"width": 0}, {"gain": -1.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            PlainConfig.from_dict({**THREE.to_dict(), **wrong})
    with pytest.raises(ValueError, match="'width' is missing"):
        PlainConfig.from_dict({"num_layers": 2, "num_stages": 1, "skip_width": 3})


def test_only_its_engine_can_be_had(tmp_path: Path) -> None:
    model_of(TWO, tmp_path)
    with pytest.raises(EngineUnavailableError, match="choose auto, native"):
        load_model(tmp_path / "plain.safetensors", "tensorflow")


def test_a_sine_is_learned_and_free_runs_in_tune(tmp_path: Path) -> None:
    config = PlainConfig(5, 5, 16, 32, sample_rate=8000)
    tone = 12_000 * np.sin(2 * np.pi * 400 / 8000 * np.arange(40_000))
    options = TrainingOptions(
        steps=80, batch=1, crop_samples=512, learning_rate=0.01, warmup_steps=10,
        decay_steps=50, average_decay=0.9, recipe=FAMILY.recipes["free-running"],
    )  # fmt: skip
    trainer = Trainer(FAMILY, config, options, tmp_path / "sine")
    trainer.train(Corpus([("sine", [tone.astype(np.int16)])], 8000))
    model = load_model(tmp_path / "sine", threads=2)
    prime = (tone[:400] / 32768).astype(np.float32)
    [clip] = model.generate(0.5, ["a"], seed=1, temperature=0.5, primes=[prime])
    spectrum = np.abs(np.fft.rfft(clip * np.hanning(len(clip))))
    peak = np.argmax(spectrum) * 8000 / len(clip)
    assert abs(peak - 400) <= 4
    assert np.std(clip) > 0.1


def test_crops_have_to_be_longer_than_the_receptive_field() -> None:
    draw = np.random.default_rng(0)
    past = TWO.receptive_field
    with pytest.raises(ValueError, match=f"the receptive field alone takes {past}"):
        FAMILY.batch(TWO, noise(1, past), FAMILY.recipes["published"], draw)


def test_the_loss_is_of_samples_with_a_full_past(tmp_path: Path) -> None:
    model = model_of(TWO, tmp_path)
    weights = load_checkpoint(tmp_path / "plain.safetensors")
    audio, past = noise(2, 90), TWO.receptive_field
    batch = {"codes": tf.constant(model.quantiser.encode(audio).astype(np.float32))}
    loss = plain_nll(TWO, graph.tensors_of(weights, "float32"), batch)
    assert loss.count == 2 * (90 - past)
    each = float(loss.total) / loss.count
    assert each == pytest.approx(model.nll(audio, given=past).mean(), abs=1e-4)
