"""The engine against the model as it is written down, on every instruction set there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsynth_batch.models import quantiser
from nsynth_batch.models.engine import EngineUnavailableError
from nsynth_batch.models.instruction_sets import instruction_sets
from nsynth_batch.models.wavenet.config import Config
from nsynth_batch.models.wavenet.native_engine import NativeEngine
from tests.nsynth_batch.native import wavenet_reference as reference
from tests.nsynth_batch.native.models import (
    EXAMPLES,
    SUPPORTED,
    TINY,
    configs,
    generate,
    make_audio,
    make_draws,
    make_encodings,
    make_weights,
)

CLOSE = 1e-4
ANY_ENGINE = given(
    config=configs,
    instruction_set=st.sampled_from(SUPPORTED),
    clips=st.integers(1, 3),
    frames=st.integers(1, 9),
    threads=st.integers(1, 3),
    seed=st.integers(0, 99),
)


@settings(max_examples=EXAMPLES, deadline=None)
@ANY_ENGINE
def test_logits_are_the_models(
    config: Config, instruction_set: str, clips: int, frames: int, threads: int, seed: int
) -> None:
    weights = make_weights(config, seed)
    engine = NativeEngine(weights, threads=threads, instruction_set=instruction_set)
    audio = make_audio(config, clips, frames, seed)
    encodings = np.stack(make_encodings(config, [frames] * clips, seed))
    got = engine.logits(audio, encodings)
    assert got.shape == (clips, audio.shape[1], 256)
    for i, codes in enumerate(quantiser.encode(audio)):
        want = reference.logits(config, weights.tensors, codes, encodings[i])
        np.testing.assert_allclose(got[i], want, atol=CLOSE, rtol=CLOSE)


@settings(max_examples=EXAMPLES, deadline=None)
@ANY_ENGINE
def test_encodings_are_the_models(
    config: Config, instruction_set: str, clips: int, frames: int, threads: int, seed: int
) -> None:
    weights = make_weights(config, seed)
    engine = NativeEngine(weights, threads=threads, instruction_set=instruction_set)
    audio = make_audio(config, clips, frames, seed)
    got = engine.encode(audio)
    assert got.shape == (clips, frames, config.ae_bottleneck)
    for i, codes in enumerate(quantiser.encode(audio)):
        want = reference.encode(config, weights.tensors, codes)
        np.testing.assert_allclose(got[i], want, atol=CLOSE, rtol=CLOSE)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    config=configs,
    instruction_set=st.sampled_from(SUPPORTED),
    frames=st.lists(st.integers(0, 6), min_size=1, max_size=9),
    temperature=st.sampled_from([1.0, 0.3, 2.0]),
    seed=st.integers(0, 99),
)
def test_decoding_picks_the_models_codes(
    config: Config, instruction_set: str, frames: list[int], temperature: float, seed: int
) -> None:
    weights = make_weights(config, seed)
    engine = NativeEngine(weights, threads=2, instruction_set=instruction_set)
    encodings, draws = make_encodings(config, frames, seed), make_draws(len(frames), seed)
    clips = generate(engine, encodings, draws, temperature=temperature)
    for encoding, draw, codes in zip(encodings, draws, clips, strict=True):
        assert codes.dtype == np.int16
        assert codes.shape == (len(encoding) * config.ae_hop_length,)
        rows = reference.logits(config, weights.tensors, codes, encoding)
        uniforms = draw.uniform(0, len(codes))
        for row, uniform, code in zip(rows, uniforms, codes, strict=True):
            want, margin = reference.pick(row, float(uniform), temperature)
            # Where a draw falls on the border of two bins float32 may take either.
            assert code == want or margin < CLOSE


def test_instruction_sets_agree() -> None:
    weights = make_weights(TINY)
    audio = make_audio(TINY, 2, 30)
    encodings = np.stack(make_encodings(TINY, [30, 30]))
    engines = [NativeEngine(weights, instruction_set=name) for name in SUPPORTED]
    assert [engine.instruction_set for engine in engines] == SUPPORTED
    for engine in engines[1:]:
        np.testing.assert_allclose(
            engine.logits(audio, encodings), engines[0].logits(audio, encodings), atol=CLOSE
        )
        np.testing.assert_allclose(engine.encode(audio), engines[0].encode(audio), atol=CLOSE)


def test_the_fastest_supported_instruction_set_is_the_default() -> None:
    assert NativeEngine(make_weights(TINY)).instruction_set == SUPPORTED[0]


def test_an_instruction_set_that_cannot_be_had_is_an_error() -> None:
    weights = make_weights(TINY)
    with pytest.raises(EngineUnavailableError, match=r"unknown instruction set 'mmx': .*portable"):
        NativeEngine(weights, instruction_set="mmx")
    for name, supported in instruction_sets().items():
        if not supported:
            with pytest.raises(EngineUnavailableError, match=f"lacks .* '{name}'"):
                NativeEngine(weights, instruction_set=name)


def test_silence_and_full_scale_are_encoded() -> None:
    weights = make_weights(TINY)
    for level in (0.0, 1.0, -1.0):
        audio = np.full((1, 5 * TINY.ae_hop_length), level, np.float32)
        want = reference.encode(TINY, weights.tensors, quantiser.encode(audio)[0])
        np.testing.assert_allclose(NativeEngine(weights).encode(audio)[0], want, atol=CLOSE)
