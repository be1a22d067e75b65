"""A SampleRNN on each instruction set: the network by its definition, and clips' bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsynth_batch.models.engine import EngineUnavailableError, Request
from nsynth_batch.models.samplernn.config import SampleConfig
from nsynth_batch.models.samplernn.engine import SampleEngine, native_tensors
from nsynth_batch.models.samplernn.family import FAMILY
from nsynth_batch.models.weights import Array, Weights
from nsynth_batch.native import _engine
from nsynth_batch.settings.choices import Precision
from tests.nsynth_batch.native.models import EXAMPLES, KINDS, PRECISIONS, SUPPORTED


@st.composite
def configs(draw: st.DrawFn) -> SampleConfig:
    frames = [draw(st.integers(1, 5))]
    for ratio in draw(st.lists(st.integers(2, 4), max_size=2)):
        frames.insert(0, frames[0] * ratio)
    return SampleConfig(
        tuple(frames),
        hidden=draw(st.integers(1, 40)),
        layers=draw(st.integers(1, 3)),
        embedding=draw(st.integers(1, 20)),
        sequence=frames[0],
        skip=draw(st.booleans()),
    )


def weights_of(config: SampleConfig, seed: int) -> Weights[SampleConfig]:
    draw = np.random.default_rng(seed)
    tensors = {
        name: value if value.any() else draw.normal(0, 0.3, value.shape).astype(np.float32)
        for name, value in FAMILY.initial(config, seed).tensors.items()
    }
    return Weights(config, tensors, {}, "samplernn")


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def reference(config: SampleConfig, tensors: dict[str, Array], codes: np.ndarray) -> np.ndarray:
    """Return logits [T, 256] of codes [T] in float64, one sample after the other."""
    h, out = config.hidden, []
    states = [tensors[f"tier_{t + 1}/begin"].astype(np.float64) for t in range(len(config.frames))]
    said = [np.zeros((config.ratio(t), h)) for t in range(len(config.frames))]
    past = np.concatenate([np.zeros(config.hop, int), codes])
    for time in range(len(codes)):
        now = time + config.hop
        for t, frame in enumerate(config.frames):
            if time % frame:
                continue
            name, state = f"tier_{t + 1}", states[t]
            x = past[now - frame : now] / 64 @ tensors[f"{name}/input/W"]
            x = x + tensors[f"{name}/input/biases"]
            if t:
                x = x + said[t - 1][time // frame % config.ratio(t - 1)]
            total = np.zeros(h)
            for i in range(config.layers):
                unit = f"{name}/gru_{i + 1}"
                part = x @ tensors[f"{unit}/input/W"] + tensors[f"{unit}/input/biases"]
                gates = sigmoid(part[: 2 * h] + state[i] @ tensors[f"{unit}/gates/W"])
                new = np.tanh(
                    part[2 * h :] + (gates[h:] * state[i]) @ tensors[f"{unit}/candidate/W"]
                )
                state[i] = gates[:h] * new + (1 - gates[:h]) * state[i]
                total = total + state[i]
                x = x + state[i] if config.skip else state[i]
            x = total if config.skip else x
            up = x @ tensors[f"{name}/up/W"] + tensors[f"{name}/up/biases"]
            said[t] = up.reshape(config.ratio(t), h)
        x = said[-1][time % config.lookback]
        for place, code in enumerate(past[now - config.lookback : now]):
            x = x + tensors["embedding"][code + 128] @ tensors["samples/W"][place]
        x = np.maximum(np.maximum(x, 0) @ tensors["hidden/W"] + tensors["hidden/biases"], 0)
        out.append(x @ tensors["logits/W"] + tensors["logits/biases"])
    return np.array(out)


@settings(max_examples=EXAMPLES, deadline=None)
@given(config=configs(), seed=st.integers(0, 99))
def test_each_instruction_set_computes_the_network(config: SampleConfig, seed: int) -> None:
    weights = weights_of(config, seed)
    codes = np.random.default_rng(seed).integers(-128, 128, (3, 29)).astype(np.int16)
    tensors = native_tensors(weights)
    for name in SUPPORTED:
        engine = SampleEngine(weights, threads=2, instruction_set=name)
        assert engine.instruction_set == name
        found = engine.logits(codes)
        for row in range(3):
            wanted = reference(config, tensors, codes[row])
            np.testing.assert_allclose(found[row], wanted, atol=1e-4, rtol=1e-4)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    config=configs(),
    lengths=st.lists(st.integers(1, 60), min_size=2, max_size=9),
    threads=st.integers(1, 3),
    kept=st.floats(0, 1),
    kind=st.sampled_from(KINDS),
)
def test_a_clip_has_the_same_bytes_alone_among_others_and_resumed(
    config: SampleConfig,
    lengths: list[int],
    threads: int,
    kept: float,
    kind: tuple[str, Precision],
) -> None:
    weights = weights_of(config, 1)
    requests = [
        Request(str(k), 3, length, prompt=np.full(k, 5 * k, np.int16))
        for k, length in enumerate(lengths)
    ]
    name, precision = kind
    alone = SampleEngine(weights, threads=1, instruction_set=name, precision=precision)
    many = SampleEngine(weights, threads=threads, instruction_set=name, precision=precision)
    for request, clip in zip(requests, many.generate(requests), strict=True):
        prefix = clip[: int(kept * len(clip))]
        resumed = Request(request.id, 3, request.length, prompt=request.prompt, prefix=prefix)
        np.testing.assert_array_equal(alone.generate([resumed])[0], clip)


NEAR: dict[Precision, float] = {"float32": 1e-4, "bfloat16": 0.06, "int16": 0.01, "int8": 0.15}
"""How far logits of about 1 may be from the network's, rounded inputs and weights considered."""


@settings(max_examples=EXAMPLES, deadline=None)
@given(config=configs(), seed=st.integers(0, 99), precision=st.sampled_from(PRECISIONS))
def test_in_each_precision_logits_come_near_and_instruction_sets_round_alike(
    config: SampleConfig, seed: int, precision: Precision
) -> None:
    weights = weights_of(config, seed)
    codes = np.random.default_rng(seed).integers(-128, 128, (3, 17)).astype(np.int16)
    wanted = reference(config, native_tensors(weights), codes[0])
    found = [
        SampleEngine(weights, threads=1, instruction_set=name, precision=precision).logits(codes)
        for name in SUPPORTED
    ]
    for logits in found:
        np.testing.assert_allclose(logits[0], wanted, atol=NEAR[precision] * max(1, np.std(wanted)))
        np.testing.assert_allclose(logits, found[0], atol=NEAR[precision] / 2)


def test_in_integers_weights_must_be_finite() -> None:
    config = SampleConfig((4, 2), 5, embedding=3, sequence=4)
    weights = weights_of(config, 0)
    weights.tensors["tier_1/gru_1/gates/W"][2, 3] = np.nan
    with pytest.raises(ValueError, match="'tier_1/gru_1/gates' holds values that are not finite"):
        SampleEngine(weights, precision="int8")


def test_what_the_extension_cannot_read_is_refused() -> None:
    config = SampleConfig((4, 2), 5, embedding=3, sequence=4)
    weights = weights_of(config, 0)
    with pytest.raises(EngineUnavailableError, match="unknown instruction set 'mmx'"):
        SampleEngine(weights, instruction_set="mmx")
    sizes = {"hidden": 5, "layers": 1, "embedding": 3, "skips": False, "reset_after": False}
    tensors = native_tensors(weights)
    for frames, message in (([4, 3], "a multiple of the next"), ([], "a tier of frames")):
        with pytest.raises(ValueError, match=message):
            _engine.SampleModel({**sizes, "frames": frames}, tensors, "portable", "float32")
    whole = _engine.SampleModel({**sizes, "frames": [4, 2]}, tensors, "portable", "float32")
    codes, draws, heat = np.zeros(9, np.int16), np.zeros(9, np.float32), np.ones(1, np.float32)
    with pytest.raises(ValueError, match="no more codes can be given"):
        whole.generate([codes], [10], [draws], heat, [0], threads=1)
    with pytest.raises(ValueError, match="a draw is wanted of each sample"):
        whole.generate([codes], [0], [draws[:8]], heat, [0], threads=1)
    with pytest.raises(ValueError, match="a temperature is wanted of each"):
        whole.generate([codes], [0], [draws], np.ones(8, np.float32), [0], threads=1)
    with pytest.raises(ValueError, match="codes are from -128 to 127"):
        whole.logits([codes + 200], [np.zeros((9, 256), np.float32)], threads=1)
    with pytest.raises(ValueError, match="precision must be"):
        _engine.SampleModel({**sizes, "frames": [4, 2]}, tensors, "portable", "int4")
    del tensors["hidden/W"]
    with pytest.raises(ValueError, match="tensor 'hidden/W' is missing"):
        _engine.SampleModel({**sizes, "frames": [4, 2]}, tensors, "portable", "float32")
