"""TensorFlow's loop: what XLA makes of it, its precisions, and its memory."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from nsynth_batch.models import quantiser
from nsynth_batch.models.draws import Draws
from nsynth_batch.models.engine import Request
from nsynth_batch.models.loading import make_engine
from nsynth_batch.models.wavenet.family import random_weights
from nsynth_batch.models.wavenet.model import Model
from nsynth_batch.models.wavenet.tensorflow_engine import TensorflowEngine
from nsynth_batch.models.weights import Weights
from nsynth_batch.nsynth import EngineUnavailableError
from nsynth_batch.settings.choices import Precision
from tests.nsynth_batch.builders import ODD

HOP, BATCH = 64, 7
ON_THE_HOST = ("infeed", "outfeed", "send", "recv", "host", "callback")


def engine_of(weights: Weights, precision: Precision = "float32") -> TensorflowEngine:
    return TensorflowEngine(weights, precision=precision)


def requests(encodings: list[np.ndarray]) -> list[Request]:
    return [
        Request(str(i), 0, len(encoding) * HOP, conditioning=encoding)
        for i, encoding in enumerate(encodings)
    ]


def compiled_loop(engine: TensorflowEngine, batch: int) -> str:
    """What XLA has compiled for a chunk of one frame, as its own text."""
    text = engine._chunk.experimental_get_compiler_ir(
        tf.zeros([1, batch, 3]),
        tf.zeros([HOP, batch]),
        tf.constant(1.0),
        tf.constant(0),
        tuple(tf.zeros([batch, 1]) for _ in range(3)),
        engine._histories(batch),
    )(stage="optimized_hlo")
    assert isinstance(text, str)
    return text


def operations(compiled: str, shape: str) -> set[str]:
    """Every operation whose result has a shape, those it is fused of included."""
    return set(re.findall(rf"= {re.escape(shape)}\S* ([a-z\-]+)\(", compiled))


@pytest.mark.parametrize(("precision", "kind"), [("float32", "f32"), ("bfloat16", "u16")])
def test_the_compiled_loop_writes_histories_in_place_and_never_meets_the_host(
    tiny_weights: Weights, precision: Precision, kind: str
) -> None:
    compiled = compiled_loop(engine_of(tiny_weights, precision), BATCH)
    assert not [word for word in ON_THE_HOST if re.search(rf" {word}[a-z\-]*\(", compiled)]
    config = tiny_weights.config
    for dilation in config.dilations:
        history = f"{kind}[{2 * dilation + 1},{BATCH},{config.width}]"
        in_place = {"parameter", "get-tuple-element", "fusion", "dynamic-update-slice"}
        assert "dynamic-update-slice" in operations(compiled, history)
        # No copy, no conversion, no select over a whole history in any step.
        assert operations(compiled, history) <= in_place
    # What the loop leaves in each history takes the place of what it found there.
    assert compiled.count("may-alias") == len(config.dilations)
    assert len(re.findall(r" while\(", compiled)) == 1


def test_a_decode_of_another_batch_compiles_once_and_of_the_same_never(
    tiny_weights: Weights,
) -> None:
    engine = engine_of(tiny_weights)
    clips = [np.zeros((4, 3), np.float32)] * 2
    for _ in range(3):
        engine.generate(requests(clips))
    assert engine._chunk.experimental_get_tracing_count() == 1


def test_bfloat16_is_near_float32_and_no_copy_of_it(tiny_weights: Weights) -> None:
    exact, rounded = (
        Model(tiny_weights, engine_of(tiny_weights, p)) for p in ("float32", "bfloat16")
    )
    audio = np.random.default_rng(0).uniform(-0.8, 0.8, (2, 5 * HOP)).astype(np.float32)
    encodings = exact.encode(audio)
    np.testing.assert_array_equal(rounded.encode(audio), encodings)
    one, two = exact.logits(audio, encodings), rounded.logits(audio, encodings)
    assert 1e-5 < np.abs(one - two).max() < 0.03 * np.abs(one).max()
    assert rounded.facts()["precision"] == "bfloat16"


def test_bfloat16_samples_from_its_own_logits(tiny_weights: Weights) -> None:
    model = Model(tiny_weights, engine_of(tiny_weights, "bfloat16"))
    encodings = np.random.default_rng(1).normal(size=(2, 4, 3)).astype(np.float32)
    made = model.decode(encodings, seed=5, ids=["a", "b"])
    logits = model.logits(made, encodings)
    masses = np.exp(logits - logits.max(-1, keepdims=True))
    sums = np.cumsum(masses / masses.sum(-1, keepdims=True), -1)
    draws = np.stack([Draws(5, name).uniform(0, made.shape[1]) for name in "ab"])
    bins = np.minimum((sums < draws[..., None]).sum(-1), 255)
    # A sum in another order can round to the next bfloat16, and a draw lie in between.
    border = np.abs(sums - draws[..., None]).min(-1) < 1e-3
    assert ((bins - 128 == quantiser.encode(made)) | border).all()
    assert (bins - 128 == quantiser.encode(made)).mean() > 0.98


def test_thousands_of_clips_advance_together(tiny_weights: Weights) -> None:
    engine = engine_of(tiny_weights, "bfloat16")
    rows = np.random.default_rng(2).normal(size=(3000, 1, 3)).astype(np.float32)
    codes = engine.generate(requests(list(rows)))
    assert {len(clip) for clip in codes} == {HOP}
    assert len({clip.tobytes() for clip in codes}) == len(rows)


def test_memory_is_counted_before_any_work(tiny_weights: Weights) -> None:
    engine = TensorflowEngine(tiny_weights, memory=100_000)
    history = 4 * tiny_weights.config.width * sum(2 * d + 1 for d in tiny_weights.config.dilations)
    assert engine.needs([HOP]).memory > history
    most = engine.full_batch(HOP)
    assert 1 <= most < 64
    assert engine.needs([HOP] * most).batch == most
    with pytest.raises(MemoryError, match=r"decoding 64 clips at once needs .* MB"):
        engine.generate(requests([np.zeros((1, 3), np.float32)] * 64))
    assert TensorflowEngine(tiny_weights, memory=10**9).full_batch(HOP) == 64


def test_a_precision_that_it_has_not_is_refused(tiny_weights: Weights) -> None:
    with pytest.raises(EngineUnavailableError, match="float32 or bfloat16, not in int8"):
        make_engine(tiny_weights, "tensorflow", precision="int8")


@pytest.mark.parametrize(("taps", "around"), [(1, 2), (2, 3), (4, 1)])
def test_filters_of_any_number_of_taps_sample_from_their_own_logits(taps: int, around: int) -> None:
    config = replace(ODD, filter_length=taps, ae_filter_length=around)
    weights = random_weights(config, 1)
    model = Model(weights, engine_of(weights))
    audio = np.random.default_rng(1).uniform(-0.8, 0.8, (1, 4 * HOP)).astype(np.float32)
    encodings = model.encode(audio)
    assert encodings.shape == (1, 4, config.ae_bottleneck)
    made = model.decode(encodings, seed=5, ids=["a"])
    logits = model.logits(made, encodings)[0].astype(np.float64)
    masses = np.exp(logits - logits.max(-1, keepdims=True))
    sums = np.cumsum(masses / masses.sum(-1, keepdims=True), -1)
    draws = Draws(5, "a").uniform(0, made.shape[1])[:, None]
    bins = np.minimum((sums < draws).sum(-1), 255)
    border = np.abs(sums - draws).min(-1) < 1e-5
    assert ((bins - 128 == quantiser.encode(made[0])) | border).all()
    # The newest sample that a logit knows is the one before it, the oldest as far as the field.
    changed = made.copy()
    changed[0, 100] = -changed[0, 100] + 0.1
    differs = np.abs(model.logits(changed, encodings)[0] - logits).max(-1) > 1e-7
    assert np.flatnonzero(differs).min() >= 101
    assert np.flatnonzero(differs).max() <= 100 + config.receptive_field


def test_other_engines_refuse_taps_that_they_have_not() -> None:
    weights = random_weights(replace(ODD, filter_length=4), 1)
    wanted = "engine native: it has decoders of 2 or 3 taps and encoders of 3"
    with pytest.raises(EngineUnavailableError, match=wanted):
        make_engine(weights, "native")
