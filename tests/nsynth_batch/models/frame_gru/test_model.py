"""Units over frames: what moves what, that both engines agree, and that clips keep their bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from nsynth_batch.models.engine import EngineUnavailableError, NotFiniteError
from nsynth_batch.models.frame_gru import graph
from nsynth_batch.models.frame_gru.config import FrameConfig
from nsynth_batch.models.frame_gru.engine import FrameEngine
from nsynth_batch.models.frame_gru.family import FAMILY
from nsynth_batch.models.frame_gru.model import FrameModel
from nsynth_batch.models.loading import load_model
from nsynth_batch.models.weights import Weights, save_weights

MEAN = FrameConfig(6, 4, hidden=11, layers=2, sample_rate=8000, gain=3.0)
GAUSSIAN = replace(MEAN, head="gaussian", hidden=5, layers=1)
WINDOW = replace(MEAN, past="window", layers=3)


def model_of(config: FrameConfig, threads: int = 2, seed: int = 3) -> FrameModel:
    weights = FAMILY.initial(config, seed)
    return FrameModel(weights, FrameEngine(weights, threads=threads))


@pytest.fixture(params=[MEAN, GAUSSIAN, WINDOW], ids=["mean", "gaussian", "window"])
def model(request: pytest.FixtureRequest) -> FrameModel:
    return model_of(request.param)


def noise(rows: int, samples: int) -> np.ndarray:
    return np.random.default_rng(5).uniform(-0.3, 0.3, (rows, samples)).astype(np.float32)


def test_a_frame_moves_what_comes_after_it_and_nothing_before(model: FrameModel) -> None:
    audio, size = noise(1, 60), model.config.frame
    before = model.predictions(audio)[0]
    for t in (0, 3, 8):
        other = audio.copy()
        other[0, t * size : (t + 1) * size] = 0.25
        change = np.abs(model.predictions(other)[0] - before).max(axis=2)[0]
        assert not change[: t + 1].any()
        # A window begins anew with the frame before its first.
        assert change[t + 1] > 1e-4 or (model.config.past == "window" and (t + 2) % 4 == 1)


def test_another_example_of_the_batch_moves_nothing(model: FrameModel) -> None:
    audio = noise(3, 60)
    other = audio.copy()
    other[1] = 0.3
    for one, two in zip(model.predictions(audio), model.predictions(other), strict=True):
        if one is None or two is None:
            assert (one, two) == (None, None)
            continue
        np.testing.assert_array_equal(one[[0, 2]], two[[0, 2]])
        assert not np.array_equal(one[1], two[1])


def test_a_batch_in_tensorflow_keeps_its_examples_and_its_times_apart() -> None:
    tensors = {k: tf.constant(v) for k, v in FAMILY.initial(GAUSSIAN, 3).tensors.items()}
    state = {k: tf.constant(v) for k, v in FAMILY.state(GAUSSIAN, 3).items()}
    frames = noise(3, 60).reshape(3, 10, 6)
    out = graph.heads(GAUSSIAN, tensors, tf.constant(frames), state)[0].numpy()
    other = frames.copy()
    other[1, 4] = 0.9
    moved = graph.heads(GAUSSIAN, tensors, tf.constant(other), state)[0].numpy() != out
    assert not moved[[0, 2]].any()
    assert not moved[1, :4].any()
    # What is predicted at a frame, of the next, follows from it: and so from the one before.
    assert moved[1, 4].all()
    assert moved[1, 5].all()


@pytest.mark.parametrize("config", [MEAN, GAUSSIAN], ids=["mean", "gaussian"])
def test_the_native_predictions_are_tensorflows(config: FrameConfig) -> None:
    weights = FAMILY.initial(config, 3)
    tensors = {k: tf.constant(v) for k, v in weights.tensors.items()}
    state = {k: tf.constant(v) for k, v in FAMILY.state(config, 2).items()}
    frames = noise(2, 20 * 6).reshape(2, 20, 6) * 3
    found, _ = graph.heads(config, tensors, tf.constant(frames), state)
    native = FrameEngine(weights, threads=1).heads(frames)
    np.testing.assert_allclose(native, found.numpy(), atol=1e-5)


def test_a_state_is_carried_from_sequence_to_sequence() -> None:
    tensors = {k: tf.constant(v) for k, v in FAMILY.initial(MEAN, 3).tensors.items()}
    state = {k: tf.constant(v) for k, v in FAMILY.state(MEAN, 1).items()}
    frames = tf.constant(noise(1, 60).reshape(1, 10, 6))
    whole, end = graph.heads(MEAN, tensors, frames, state)
    first, middle = graph.heads(MEAN, tensors, frames[:, :4], state)
    second, after = graph.heads(MEAN, tensors, frames[:, 4:], middle)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), whole, atol=1e-6)
    np.testing.assert_allclose(after["gru_2"], end["gru_2"], atol=1e-6)


def test_the_loss_that_is_trained_is_the_one_that_is_scored(model: FrameModel) -> None:
    config = model.config
    audio = noise(2, config.sequence_samples)
    rows = np.pad(audio, ((0, 0), (config.frame, 0)))
    batch = dict(FAMILY.batch(config, rows, FAMILY.recipes["published"], np.random.default_rng(0)))
    batch["samples"] = np.array([rows.shape[1], rows.shape[1]], np.float32)
    weights = FAMILY.initial(config, 3)
    tensors = {k: tf.constant(v) for k, v in weights.tensors.items()}
    as_tensors = {k: tf.constant(v) for k, v in batch.items()}
    found = FAMILY.loss(config, tensors, as_tensors, None, "all")
    trained = float(found.total) / float(found.count)
    assert trained == pytest.approx(float(model.loss(audio).mean()), rel=1e-4)
    beside = {k: float(v) for k, v in found.beside.items()}
    assert beside["repeat"] == pytest.approx(model.beside(audio)["repeat"].mean(), rel=1e-4)
    assert beside["variance"] == pytest.approx((audio * 3).var(), rel=1e-4)
    # What is no sound teaches nothing.
    batch["samples"] = np.array([config.frame, rows.shape[1]], np.float32)
    half = FAMILY.loss(config, tensors, {k: tf.constant(v) for k, v in batch.items()}, None, "all")
    assert float(half.count) == float(found.count) / 2
    assert float(half.total) / float(half.count) == pytest.approx(
        float(model.loss(audio[1:])[0]), rel=1e-4
    )


def test_a_clip_is_the_same_in_any_batch_and_on_any_threads(model: FrameModel) -> None:
    ids, primes = ["a", "b", "c", "d", "e"], list(noise(5, 40))
    whole = model.generate(0.02, ids, seed=4, primes=primes)
    assert all(len(clip) == 160 for clip in whole)
    assert len({clip.tobytes() for clip in whole}) == 5
    for threads in (1, 3):
        again = model_of(model.config, threads).generate(
            0.02, ids[::-1], seed=4, primes=primes[::-1]
        )
        for one, other in zip(whole, again[::-1], strict=True):
            np.testing.assert_array_equal(one, other)
    [alone] = model.generate(0.02, ["d"], seed=4, primes=primes[3:4])
    np.testing.assert_array_equal(alone, whole[3])
    # A longer clip begins with the shorter one, and one without a prime is another.
    [longer] = model.generate(0.03, ["d"], seed=4, primes=primes[3:4])
    np.testing.assert_array_equal(longer[:160], alone)
    assert len({clip.tobytes() for clip in model.generate(0.02, ["a", "b"], seed=4)}) == 2


def test_each_frame_is_what_is_predicted_of_it_and_the_prime_is_cut_off() -> None:
    for config in (MEAN, WINDOW):
        model = model_of(config)
        prime = noise(1, 5 * 6)[0]
        [clip] = model.generate(36 / 8000, ["a"], primes=[prime])
        done = np.concatenate([np.round(prime * 32768) / 32768, clip]).astype(np.float32)
        for frame in range(5, 11):
            past = done[: frame * 6]
            if config.past == "window":
                past = past[-config.sequence_samples :]
            frames = (past * 3).reshape(1, -1, 6)
            predicted = model.engine.heads(frames)[0, -1] / 3
            np.testing.assert_allclose(done[frame * 6 : (frame + 1) * 6], predicted, atol=5e-5)


def test_a_temperature_scales_the_deviation() -> None:
    model = model_of(GAUSSIAN)
    kwargs = {"ids": ["a"], "seed": 1, "primes": [noise(1, 6)[0]]}
    cold, warm = (model.generate(6 / 8000, temperature=t, **kwargs)[0] for t in (1e-6, 1.0))
    mean, log_variance = model.predictions(np.concatenate([kwargs["primes"][0], cold])[None])
    np.testing.assert_allclose(cold * 3, mean[0, 1], atol=1e-3)
    assert log_variance is not None
    assert np.abs(warm - cold).max() > 0.01
    [moving] = model.generate(0.02, ["a"], seed=1, temperature=(1e-6, 1.0))
    [still] = model.generate(0.02, ["a"], seed=1, temperature=1e-6)
    np.testing.assert_array_equal(moving[:6], still[:6])
    assert np.abs(moving - still)[80:].max() > 0.01


def test_what_does_not_fit_is_one_line(model: FrameModel, tmp_path: Path) -> None:
    size = model.config.frame
    with pytest.raises(ValueError, match=f"a prime of 5 samples is shorter than a frame of {size}"):
        model.generate(0.01, ["a"], primes=[np.zeros(5, np.float32)])
    with pytest.raises(ValueError, match="shorter than a frame"):
        model.loss(np.zeros((1, 5), np.float32))
    with pytest.raises(ValueError, match="above 0"):
        model.generate(0.01, ["a"], temperature=-1.0)
    with pytest.raises(ValueError, match="cannot go on with an interrupted"):
        model.generate(0.01, ["a"], prefixes=[np.zeros(2, np.int16)])
    with pytest.raises(MemoryError, match="MB are allowed"):
        FrameEngine(FAMILY.initial(model.config, 0), memory=1000).needs([10_000])
    save_weights(FAMILY.initial(model.config, 3), tmp_path / "frames.safetensors")
    assert load_model(tmp_path / "frames.safetensors").family == "frames"
    with pytest.raises(EngineUnavailableError, match="choose auto, native"):
        load_model(tmp_path / "frames.safetensors", "tensorflow")
    with pytest.raises(EngineUnavailableError, match="the precision float32, not int8"):
        load_model(tmp_path / "frames.safetensors", precision="int8")


def test_clips_that_are_not_finite_are_given_up() -> None:
    weights = FAMILY.initial(MEAN, 3)
    broken = {**weights.tensors, "output/biases": np.full(6, np.nan, np.float32)}
    lost = Weights(MEAN, broken, {}, "frames")
    engine = FrameEngine(lost, threads=1)
    model = FrameModel(lost, engine)
    with pytest.raises(NotFiniteError) as caught:
        model.generate(0.02, ["a", "b"], primes=[np.full(6, 0.9, np.float32)] * 2)
    assert caught.value.clips == [0, 1]


def test_small_batches_and_little_memory_change_no_byte() -> None:
    model = model_of(GAUSSIAN)
    whole = model.generate(0.02, list("abcdefg"), seed=2)
    weights = FAMILY.initial(GAUSSIAN, 3)
    fixed = model.engine.needs([160] * 7).memory
    tight = FrameModel(weights, FrameEngine(weights, threads=2, memory=fixed - 1))
    assert tight.engine.needs([160] * 7).batch < 7
    for one, other in zip(whole, tight.generate(0.02, list("abcdefg"), seed=2), strict=True):
        np.testing.assert_array_equal(one, other)
