"""A SampleRNN: what moves what, that both engines agree, and that clips keep their bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from nsynth_batch.models.draws import Draws
from nsynth_batch.models.engine import EngineUnavailableError, NotFiniteError, Request
from nsynth_batch.models.likelihood import clip_nll
from nsynth_batch.models.loading import load_model
from nsynth_batch.models.model import temperature_curve
from nsynth_batch.models.quantiser import LOWEST
from nsynth_batch.models.samplernn import graph
from nsynth_batch.models.samplernn.config import SampleConfig
from nsynth_batch.models.samplernn.engine import SampleEngine
from nsynth_batch.models.samplernn.family import FAMILY
from nsynth_batch.models.samplernn.model import SampleModel
from nsynth_batch.models.weights import CheckpointError, Weights, save_weights
from nsynth_batch.training.evaluation import model_nll

TWO = SampleConfig((6, 2), 11, embedding=5, sequence=24, sample_rate=8000, gain=2.0)
ONE = replace(TWO, frames=(4,), layers=2, skip=True, quantiser="mu-law", gain=1.0)
THREE = replace(TWO, frames=(12, 4, 1), layers=2, reset_after=True)


def weights_of(config: SampleConfig, seed: int = 3) -> Weights[SampleConfig]:
    """Return random weights, biases and first states among them: an error in those would show."""
    draw = np.random.default_rng(seed)
    tensors = {
        name: value if value.any() else draw.normal(0, 0.3, value.shape).astype(np.float32)
        for name, value in FAMILY.initial(config, seed).tensors.items()
    }
    return Weights(config, tensors, {}, "samplernn")


def model_of(config: SampleConfig, threads: int = 2) -> SampleModel:
    weights = weights_of(config)
    return SampleModel(weights, SampleEngine(weights, threads=threads))


@pytest.fixture(params=[TWO, ONE, THREE], ids=["two tiers", "one tier", "three tiers"])
def model(request: pytest.FixtureRequest) -> SampleModel:
    return model_of(request.param)


def noise(rows: int, samples: int) -> np.ndarray:
    return np.random.default_rng(5).uniform(-0.4, 0.4, (rows, samples)).astype(np.float32)


def in_tensorflow(config: SampleConfig, codes: np.ndarray) -> np.ndarray:
    """Return teacher-forced logits [B, T, 256] of codes [B, T], T whole longest frames."""
    tensors = {k: tf.constant(v) for k, v in weights_of(config).tensors.items()}
    state = {k: tf.constant(v) for k, v in FAMILY.state(config, len(codes)).items()}
    padded = np.pad(codes, ((0, 0), (config.hop, 0))).astype(np.int32)
    found, _ = graph.heads(config, tensors, tf.constant(padded), state)
    return np.asarray(tf.transpose(found, [1, 0, 2]))


def test_a_future_sample_moves_no_earlier_logit_and_the_previous_one_does(
    model: SampleModel,
) -> None:
    audio = noise(1, 60)
    before = model.logits(audio)
    for t in (0, 17, 35, 58):
        other = audio.copy()
        other[0, t] = -0.5
        change = np.abs(model.logits(other) - before).max(axis=2)[0]
        assert not change[: t + 1].any()
        assert change[t + 1] > 1e-3
        # The state is carried on: the end of a clip hangs on its beginning.
        assert t > 40 or change[-1] > 1e-7


def test_in_tensorflow_rows_and_times_are_kept_apart() -> None:
    for config in (TWO, ONE, THREE):
        codes = np.random.default_rng(4).integers(-128, 128, (3, 48)).astype(np.int16)
        before = in_tensorflow(config, codes)
        other = codes.copy()
        other[1, 20] ^= 64
        moved = (in_tensorflow(config, other) != before).any(axis=2)
        assert not moved[[0, 2]].any()
        assert not moved[1, :21].any()
        assert moved[1, 21]


def test_the_native_logits_are_tensorflows(model: SampleModel) -> None:
    audio = noise(3, 48)
    wanted = in_tensorflow(model.config, model.quantiser.encode(audio))
    np.testing.assert_allclose(model.logits(audio), wanted, atol=1e-4)
    # A recording need not be of whole frames.
    np.testing.assert_array_equal(model.logits(audio[:, :41]), model.logits(audio)[:, :41])
    assert model.logits(audio[:, :0]).shape == (3, 0, 256)


@pytest.mark.parametrize("temperature", [1.0, (0.6, 1.4)])
def test_each_sample_is_drawn_from_its_teacher_forced_logits(
    model: SampleModel, temperature: float | tuple[float, float]
) -> None:
    prime = noise(1, 31)[0]
    [clip] = model.generate(0.02, ["a"], seed=4, temperature=temperature, primes=[prime])
    assert len(clip) == 160
    whole = np.concatenate([model.quantiser.decode(model.quantiser.encode(prime)), clip])
    heat = np.broadcast_to(temperature_curve(temperature, 160), 160)
    scaled = model.logits(whole[None])[0, 31:].astype(np.float64) / heat[:, None]
    chances = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    sums = np.cumsum(chances / chances.sum(axis=1, keepdims=True), axis=1)
    bins = model.quantiser.encode(clip).astype(int) - LOWEST
    low = np.where(bins > 0, np.take_along_axis(sums, np.maximum(bins - 1, 0)[:, None], 1)[:, 0], 0)
    high = np.take_along_axis(sums, bins[:, None], 1)[:, 0]
    drawn = Draws(4, "a").uniform(0, 160)
    assert (drawn > low - 1e-5).all()
    assert (drawn < high + 1e-5).all()
    assert len(np.unique(bins)) > 30


def test_a_clip_is_the_same_in_any_batch_on_any_threads_and_from_any_prefix(
    model: SampleModel,
) -> None:
    ids, primes = list("abcde"), list(noise(5, 40))
    for heat in (1.0, (0.5, 1.5)):
        seen: list[list[np.ndarray]] = []
        made: list[int] = []
        whole = model.generate(
            0.02, ids, seed=4, temperature=heat, primes=primes, on_codes=seen.append,
            on_progress=made.append,
        )  # fmt: skip
        assert sum(made) == 5 * 160
        codes = [model.quantiser.encode(clip) for clip in whole]
        for part in seen:
            for one, clip in zip(part, codes, strict=True):
                np.testing.assert_array_equal(one, clip[: len(one)])
        for threads in (1, 3):
            other = model_of(model.config, threads)
            again = other.generate(0.02, ids[::-1], seed=4, temperature=heat, primes=primes[::-1])
            for one, clip in zip(again[::-1], whole, strict=True):
                np.testing.assert_array_equal(one, clip)
        [alone] = model.generate(0.02, ["d"], seed=4, temperature=heat, primes=primes[3:4])
        np.testing.assert_array_equal(alone, whole[3])
        prefixes = [codes[i][:n] for i, n in enumerate((159, 0, 37, 160, 1))]
        again = model.generate(
            0.02, ids, seed=4, temperature=heat, primes=primes, prefixes=prefixes
        )
        for one, clip in zip(again, whole, strict=True):
            np.testing.assert_array_equal(one, clip)
    assert len({clip.tobytes() for clip in whole}) == 5
    [unprimed] = model.generate(0.02, ["d"], seed=4, temperature=heat)
    assert not np.array_equal(unprimed, whole[3])


def test_threads_that_share_a_clip_change_no_byte_and_end_with_it() -> None:
    # Wide enough for threads to share its products.
    config = replace(TWO, hidden=512)
    assert config.hidden**2 >= 2**18
    weights = weights_of(config)
    request = Request("one", 4, 30)
    codes = np.random.default_rng(1).integers(-128, 128, (1, 24)).astype(np.int16)
    for precision in ("float32", "int8"):
        made, logits = [], []
        for threads in (1, 2, 5):
            engine = SampleEngine(weights, threads=threads, precision=precision)
            made.append(engine.generate([request])[0].tolist())
            logits.append(engine.logits(codes))
        assert made[0] == made[1] == made[2]
        np.testing.assert_array_equal(logits[0], logits[1])
        np.testing.assert_array_equal(logits[0], logits[2])

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.generate([replace(request, length=500_000)], on_codes=stop)
    assert engine.generate([request])[0].tolist() == made[0]


def test_clips_of_other_lengths_come_and_go_and_little_memory_changes_no_byte() -> None:
    weights = weights_of(TWO)
    engine = SampleEngine(weights, threads=2)
    requests = [Request(str(i), 2, length) for i, length in enumerate([90, 7, 250, 31, 160] * 40)]
    whole = engine.generate(requests)
    assert [len(clip) for clip in whole] == [request.length for request in requests]
    for i in (1, 2, 63, 199):
        np.testing.assert_array_equal(engine.generate(requests[i : i + 1])[0], whole[i])
    small = requests[:7]
    fixed = engine.needs([request.length for request in small]).memory
    tight = SampleEngine(weights, threads=2, memory=fixed - 1)
    assert tight.needs([request.length for request in small]).batch < 7
    for one, clip in zip(tight.generate(small), whole, strict=False):
        np.testing.assert_array_equal(one, clip)


def test_the_likelihood_is_that_of_the_logits_whatever_the_pieces_and_the_company(
    model: SampleModel,
) -> None:
    audio = noise(2, 90)
    logits = model.logits(audio).astype(np.float64)
    bins = model.quantiser.encode(audio).astype(int) - LOWEST
    shares = logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))
    each = -np.take_along_axis(shares, bins[..., None], 2)[..., 0]
    np.testing.assert_allclose(model.nll(audio), each.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(model.nll(audio, given=50), each[:, 50:].mean(axis=1), rtol=1e-6)
    # What stands before a piece is a part of its past, however long.
    assert model_nll(model, audio[0], piece_seconds=0.003) == pytest.approx(each[0].mean())
    clips, primes = list(audio[:, 30:]), list(audio[:, :30])
    steps: list[int] = []
    found = clip_nll(model, clips, primes, steps.append)
    assert sum(steps) == 2 * 60
    np.testing.assert_allclose(found, each[:, 30:].mean(axis=1), rtol=1e-6)
    assert clip_nll(model, clips[1:], primes[1:])[0] == found[1]
    with pytest.raises(ValueError, match="no sample to score"):
        model.nll(audio, given=90)


def test_the_loss_that_is_trained_is_the_one_that_is_scored(model: SampleModel) -> None:
    config = model.config
    audio = noise(2, config.sequence)
    crops = np.pad(audio, ((0, 0), (config.hop, 0)))
    batch = dict(FAMILY.batch(config, crops, FAMILY.recipes["published"], np.random.default_rng(0)))
    tensors = {k: tf.constant(v) for k, v in weights_of(config).tensors.items()}
    for sound in (crops.shape[1], config.hop + 5, config.hop):
        batch["samples"] = np.array([crops.shape[1], sound], np.float32)
        rows = {k: tf.constant(v) for k, v in batch.items()}
        found = FAMILY.loss(config, tensors, rows, None, "all")
        scored = [
            (audio[:1], config.sequence),
            (audio[1:, : sound - config.hop], sound - config.hop),
        ]
        total = sum(float(model.nll(one)[0]) * n for one, n in scored if n)
        assert float(found.total) == pytest.approx(total, rel=1e-4)
        assert float(found.count) == sum(n for _, n in scored)
        bits = total / float(found.count) / np.log(2)
        assert float(found.beside["bits"]) == pytest.approx(bits, rel=1e-4)


def test_a_state_is_carried_and_a_learned_one_stands_where_there_is_none() -> None:
    for config in (TWO, ONE, THREE):
        tensors = {k: tf.constant(v) for k, v in weights_of(config).tensors.items()}
        begun = {k: tf.constant(v) for k, v in FAMILY.state(config, 2).items()}
        codes = np.random.default_rng(4).integers(-128, 128, (2, 24 + config.hop)).astype(np.int32)
        half = 12
        whole, end = graph.heads(config, tensors, tf.constant(codes), begun)
        first, middle = graph.heads(
            config, tensors, tf.constant(codes[:, : config.hop + half]), begun
        )
        second, after = graph.heads(config, tensors, tf.constant(codes[:, half:]), middle)
        np.testing.assert_allclose(np.concatenate([first, second]), whole, atol=1e-5)
        np.testing.assert_allclose(after["tier_1"], end["tier_1"], atol=1e-5)
        # A stream that begins anew takes the learned state, whatever its own was.
        new = {**middle, "carried": tf.constant([0.0, 1.0])}
        begun_again, _ = graph.heads(config, tensors, tf.constant(codes[:, half:]), new)
        fresh, _ = graph.heads(config, tensors, tf.constant(codes[:, half:]), begun)
        np.testing.assert_allclose(begun_again[:, 0], fresh[:, 0], atol=1e-6)
        np.testing.assert_allclose(begun_again[:, 1], second[:, 1], atol=1e-6)


def test_what_does_not_fit_is_one_line(model: SampleModel, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    weights = weights_of(model.config)
    save_weights(weights, file)
    loaded = load_model(file, precision="auto")
    best = FAMILY.default_precision("native", None)
    assert (loaded.family, loaded.engine.precision) == ("samplernn", best)
    with pytest.raises(EngineUnavailableError, match="choose auto, native"):
        load_model(file, "tensorflow")
    assert load_model(file, precision="int16").engine.precision == "int16"
    begin = np.zeros((model.config.layers, 3), np.float32)
    save_weights(replace(weights, tensors={**weights.tensors, "tier_1/begin": begin}), file)
    with pytest.raises(CheckpointError, match=r"'tier_1/begin' has shape .*, wanted"):
        load_model(file)
    with pytest.raises(ValueError, match="above 0"):
        model.generate(0.01, ["a"], temperature=-1.0)
    with pytest.raises(ValueError, match="does not fit a clip of 80 samples"):
        model.generate(0.01, ["a"], prefixes=[np.zeros(81, np.int16)])
    with pytest.raises(ValueError, match="holds values that are no codes"):
        model.generate(0.01, ["a"], prefixes=[np.full(3, 128, np.int16)])
    with pytest.raises(ValueError, match="no conditioning"):
        model.engine.generate([Request("a", 0, 9, conditioning=np.zeros((1, 1), np.float32))])
    with pytest.raises(MemoryError, match="MB are allowed"):
        SampleEngine(weights, memory=1000).needs([10_000])
    with pytest.raises(MemoryError, match="predicting needs"):
        SampleEngine(weights, memory=1000).logits(np.zeros((1, 90), np.int16))


def test_clips_that_are_not_finite_are_given_up() -> None:
    weights = weights_of(TWO)
    broken = {**weights.tensors, "logits/biases": np.full(256, np.nan, np.float32)}
    engine = SampleEngine(Weights(TWO, broken, {}, "samplernn"), threads=1)
    with pytest.raises(NotFiniteError) as caught:
        engine.generate([Request("a", 0, 40), Request("b", 0, 40)])
    assert caught.value.clips == [0, 1]
