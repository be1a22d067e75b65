"""The network over frames on each instruction set, and the deviates that it draws."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsynth_batch.models.engine import EngineUnavailableError
from nsynth_batch.models.frame_gru.config import FrameConfig
from nsynth_batch.models.frame_gru.engine import FrameEngine
from nsynth_batch.models.frame_gru.family import FAMILY
from nsynth_batch.models.frame_gru.model import FrameModel
from nsynth_batch.native import _engine
from tests.nsynth_batch.native.models import EXAMPLES, SUPPORTED

configs = st.builds(
    FrameConfig,
    frame=st.integers(1, 40),
    sequence=st.integers(1, 6),
    hidden=st.integers(1, 40),
    layers=st.integers(1, 3),
    head=st.sampled_from(["mean", "gaussian"]),
    past=st.sampled_from(["carried", "window"]),
)


def reference(
    config: FrameConfig, tensors: dict[str, np.ndarray], frames: np.ndarray
) -> np.ndarray:
    """Return the outputs of frames [T, F] in float64."""

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    h, states, out = config.hidden, [np.zeros(config.hidden)] * config.layers, []
    for frame in frames.astype(np.float64):
        x = frame @ tensors["input/W"] + tensors["input/biases"]
        for i in range(config.layers):
            name, state = f"gru_{i + 1}", states[i]
            part = x @ tensors[f"{name}/input/W"] + tensors[f"{name}/input/biases"]
            gates = sigmoid(part[: 2 * h] + state @ tensors[f"{name}/gates/W"])
            new = np.tanh(part[2 * h :] + (gates[h:] * state) @ tensors[f"{name}/candidate/W"])
            states[i] = x = gates[:h] * new + (1 - gates[:h]) * state
        out.append(x @ tensors["output/W"] + tensors["output/biases"])
    return np.array(out)


@settings(max_examples=EXAMPLES, deadline=None)
@given(config=configs, seed=st.integers(0, 99))
def test_each_instruction_set_computes_the_network(config: FrameConfig, seed: int) -> None:
    weights = FAMILY.initial(config, seed)
    draw = np.random.default_rng(seed)
    frames = draw.normal(0, 1, (3, 5, config.frame)).astype(np.float32)
    for name in SUPPORTED:
        engine = FrameEngine(weights, threads=2, instruction_set=name)
        assert engine.instruction_set == name
        found = engine.heads(frames)
        for row in range(3):
            wanted = reference(config, dict(weights.tensors), frames[row])
            np.testing.assert_allclose(found[row], wanted, atol=2e-5)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    config=configs, clips=st.integers(2, 7), threads=st.integers(1, 3), samples=st.integers(1, 90)
)
def test_a_clip_has_the_same_bytes_alone_and_among_others(
    config: FrameConfig, clips: int, threads: int, samples: int
) -> None:
    weights = FAMILY.initial(replace(config, gain=2.0), 1)
    ids = [str(k) for k in range(clips)]
    primes = [np.full(config.frame * (k % 3 + 1), 0.1 * k, np.float32) for k in range(clips)]
    for name in SUPPORTED:
        alone = FrameModel(weights, FrameEngine(weights, threads=1, instruction_set=name))
        many = FrameModel(weights, FrameEngine(weights, threads=threads, instruction_set=name))
        found = many.generate(samples / 16_000, ids, primes=primes)
        for k in (0, clips - 1):
            [one] = alone.generate(samples / 16_000, ids[k : k + 1], primes=primes[k : k + 1])
            np.testing.assert_array_equal(one, found[k])


def test_draws_become_normal_deviates() -> None:
    steps = [0, 1, 2, 100, 2**20, 2**23 - 1, 2**23, 2**23 + 1, 2**24 - 2, 2**24 - 1]
    for step in [*steps, *np.random.default_rng(0).integers(0, 2**24, 500).tolist()]:
        wanted = NormalDist().inv_cdf(step / 2**24 + 2.0**-25)
        assert _engine.normal(step / 2**24) == pytest.approx(wanted, rel=1e-6)


def test_an_unknown_instruction_set_is_refused() -> None:
    with pytest.raises(EngineUnavailableError, match="unknown instruction set 'mmx'"):
        FrameEngine(FAMILY.initial(FrameConfig(4, 2, 3), 0), instruction_set="mmx")
