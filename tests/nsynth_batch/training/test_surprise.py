from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nsynth_batch.models.family import FAMILIES, family_named
from nsynth_batch.models.loading import make_engine
from nsynth_batch.models.model import Generator
from nsynth_batch.models.weights import Array
from nsynth_batch.training.surprise import Surprise, nll_and_entropy, surprise
from tests.nsynth_batch.builders import SMALLEST

SAMPLES = 9_600
CODES = ("nsynth", "wavenet", "samplernn")


def model_of(family: str) -> Any:
    """A model of some weights that is surer of some codes than of others."""
    weights = family_named(family).initial(SMALLEST[family], 1)
    sharper = "logits/g" if family == "samplernn" else "logits/W"
    biases = np.random.default_rng(2).normal(0, 1, 256).astype(np.float32)
    louder = {sharper: 5 * weights.tensors[sharper], "logits/biases": biases}
    weights = replace(weights, tensors={**weights.tensors, **louder})
    return family_named(family).model(weights, make_engine(weights, "auto", threads=1))


def drawn_by(model: Any, samples: int, temperature: float) -> tuple[Array, Array | None]:
    """Return a clip that a model drew by itself, and what it was decoded from."""
    if isinstance(model, Generator):
        seconds = samples / model.sample_rate
        return model.generate(seconds, ["a"], temperature=temperature)[0], None
    sound = np.random.default_rng(1).uniform(-0.5, 0.5, (1, samples)).astype(np.float32)
    encoding = model.encode(sound)[0]
    return model.drawn([encoding], ["a"], temperature=temperature)[0], encoding


@pytest.mark.parametrize("family", CODES)
def test_what_an_engine_draws_is_as_surprising_as_expected_at_its_temperature_alone(
    family: str,
) -> None:
    model = model_of(family)
    clip, encoding = drawn_by(model, SAMPLES, 1.0)
    found = surprise(model, clip, encoding)
    assert found.samples == len(clip)
    assert 1.0 < found.entropy < 5.0
    assert found.nll == pytest.approx(found.entropy, abs=0.05)
    wild, encoding = drawn_by(model, SAMPLES, 2.0)
    wrong = surprise(model, wild, encoding)
    assert wrong.nll > wrong.entropy + 0.3
    right = surprise(model, wild, encoding, temperature=2.0)
    assert right.nll == pytest.approx(right.entropy, abs=0.05)
    assert right.entropy > wrong.entropy + 0.3


@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - CODES))
def test_a_model_that_draws_no_codes_has_none(family: str) -> None:
    weights = family_named(family).initial(SMALLEST[family], 1)
    model = family_named(family).model(weights, make_engine(weights, "auto", threads=1))
    clip, encoding = drawn_by(model, 4_096, 1.0)
    found = surprise(model, clip, encoding)
    assert found == Surprise()
    assert math.isnan(found.nll)
    assert math.isnan(found.entropy)


@pytest.mark.parametrize("family", CODES)
def test_the_beginning_of_a_long_clip_is_scored(family: str) -> None:
    model = model_of(family)
    clip, encoding = drawn_by(model, 3_200, 1.0)
    # No whole number of frames.
    found = surprise(model, clip, encoding, seconds=1_001 / model.sample_rate)
    assert found.samples == 1_001
    frames = None if encoding is None else encoding[: -(-1_001 // model.hop)]
    cut = surprise(model, clip[:1_001], frames)
    assert (found.nll, found.entropy) == pytest.approx((cut.nll, cut.entropy), abs=1e-4)


def test_clips_add_up_by_samples() -> None:
    both = Surprise(100, 200.0, 190.0) + Surprise(300, 1000.0, 1010.0)
    assert (both.nll, both.entropy) == (3.0, 3.0)
    assert both + Surprise() == both


def test_what_is_drawn_is_as_surprising_as_expected() -> None:
    draw = np.random.default_rng(3)
    logits = draw.normal(0, 2, (20_000, 16)).astype(np.float32)
    odds = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    drawn = (draw.random((len(odds), 1)) > np.cumsum(odds, axis=1)).sum(axis=1)
    nll, entropy = nll_and_entropy(logits, np.minimum(drawn, 15))
    assert nll == pytest.approx(entropy, abs=0.03)
    assert nll_and_entropy(logits, logits.argmin(axis=1))[0] > entropy + 1
