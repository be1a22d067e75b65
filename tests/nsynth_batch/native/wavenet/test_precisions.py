"""The narrow precisions: how near they come to the model, and what they take and refuse."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsynth_batch.models import quantiser
from nsynth_batch.models.engine import EngineUnavailableError
from nsynth_batch.models.wavenet.config import Config
from nsynth_batch.models.wavenet.native_engine import NativeEngine
from nsynth_batch.models.weights import Weights
from nsynth_batch.settings.choices import Precision
from tests.nsynth_batch.native import wavenet_reference as reference
from tests.nsynth_batch.native.models import (
    EXAMPLES,
    KINDS,
    PRECISIONS,
    TINY,
    configs,
    generate,
    make_audio,
    make_draws,
    make_encodings,
    make_weights,
)

NARROW = [kind for kind in KINDS if kind[1] != "float32"]

# Of the spread of the logits, root mean square: twice what the random models of `configs` show.
ERROR: dict[Precision, float] = {"bfloat16": 0.02, "int16": 0.002, "int8": 0.04}


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    config=configs,
    kind=st.sampled_from(NARROW),
    frames=st.integers(1, 9),
    threads=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_logits_come_near_the_models(
    config: Config, kind: tuple[str, Precision], frames: int, threads: int, seed: int
) -> None:
    instruction_set, precision = kind
    weights = make_weights(config, seed)
    engine = NativeEngine(
        weights, threads=threads, instruction_set=instruction_set, precision=precision
    )
    audio = make_audio(config, 1, frames, seed)
    encoding = make_encodings(config, [frames], seed)[0]
    got = engine.logits(audio, encoding[None])[0]
    want = reference.logits(config, weights.tensors, quantiser.encode(audio)[0], encoding)
    assert np.sqrt(np.mean((got - want) ** 2)) < ERROR[precision] * want.std()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_instruction_sets_round_alike(precision: Precision) -> None:
    weights = make_weights(TINY)
    audio, encodings = make_audio(TINY, 1, 40), np.stack(make_encodings(TINY, [40]))
    engines = [
        NativeEngine(weights, instruction_set=name, precision=precision)
        for name, other in KINDS
        if other == precision
    ]
    want = engines[0].logits(audio, encodings)
    for engine in engines[1:]:
        # Where a value lies between two steps, sums in another order may take it to the other.
        apart = np.abs(engine.logits(audio, encodings) - want)
        assert np.median(apart) < 1e-4


def test_a_narrow_history_takes_less_memory() -> None:
    sizes = {**TINY.to_dict(), "width": 64, "num_layers": 9, "num_stages": 9}
    weights = make_weights(Config(**sizes))
    memory = {
        precision: NativeEngine(weights, threads=1, precision=precision).needs([70] * 48)
        for precision in PRECISIONS
    }
    sizes = [memory[p].memory for p in ("int8", "int16", "float32")]
    assert sizes == sorted(set(sizes))
    assert memory["bfloat16"].memory < memory["int16"].memory  # which has scales beside it


@pytest.mark.parametrize(("instruction_set", "precision"), NARROW)
def test_what_overflows_is_an_error_in_integers_too(
    instruction_set: str, precision: Precision
) -> None:
    weights = make_weights(TINY)
    for name in ("startconv/W", "res_2/W", "skip_3/W", "logits/W"):
        tensors = dict(weights.tensors)
        tensors[name] = np.where(tensors[name] > 0, np.float32(3e38), np.float32(-3e38))
        engine = NativeEngine(
            Weights(TINY, tensors), instruction_set=instruction_set, precision=precision
        )
        with pytest.raises(FloatingPointError, match="not finite"):
            generate(engine, make_encodings(TINY, [3]), make_draws(1))


def test_integers_want_finite_weights() -> None:
    weights = make_weights(TINY)
    tensors = dict(weights.tensors)
    tensors["skip_2/W"] = np.full_like(tensors["skip_2/W"], np.nan)
    for precision in ("int16", "int8"):
        with pytest.raises(ValueError, match="'skip_2' holds values that are not finite"):
            NativeEngine(Weights(TINY, tensors), precision=cast(Precision, precision))


def test_a_precision_that_is_none_is_refused() -> None:
    with pytest.raises(
        EngineUnavailableError, match=r"unknown precision 'int4'.*float32, bfloat16"
    ):
        NativeEngine(make_weights(TINY), precision=cast(Precision, "int4"))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_encodings_are_float32_in_every_precision(precision: Precision) -> None:
    weights = make_weights(TINY)
    audio = make_audio(TINY, 1, 20)
    np.testing.assert_array_equal(
        NativeEngine(weights, precision=precision).encode(audio),
        NativeEngine(weights).encode(audio),
    )
