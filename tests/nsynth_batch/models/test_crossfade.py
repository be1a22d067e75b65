"""The weight of B over a mash-up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.models.crossfade import Curve, fade

frames = st.integers(1, 400)
seeds = st.integers(0, 2**31)
CURVES: tuple[Curve, ...] = ("random", "cosine", "linear")


@given(st.sampled_from(CURVES), frames, seeds, st.integers(0, 10_000))
def test_a_weight_a_frame_between_0_and_1_and_the_same_each_time(
    curve: Curve, length: int, seed: int, pair: int
) -> None:
    w = fade(curve, length, seed, pair)
    assert w.shape == (length,)
    assert w.dtype == np.float32
    assert w.min() >= 0
    assert w.max() <= 1
    assert np.array_equal(w, fade(curve, length, seed, pair))


@given(st.integers(3, 400), seeds, st.integers(0, 100))
def test_random_dwells_on_both_recordings(length: int, seed: int, pair: int) -> None:
    w = fade("random", length, seed, pair)
    assert (w == 0).any()
    assert (w == 1).any()


@given(st.integers(96, 400), seeds)
def test_random_fades_smoothly(length: int, seed: int) -> None:
    # A raised cosine over at least 8 frames rises by at most π/2 over 9 steps in one of them.
    steps = np.abs(np.diff(fade("random", length, seed, 0)))
    assert steps.max() <= np.pi / 2 / 9 + 1e-6


def test_random_draws_another_curve_for_another_seed_or_pair() -> None:
    curves = {fade("random", 195, seed, pair).tobytes() for seed in (0, 1) for pair in (0, 1)}
    assert len(curves) == 4


def test_random_begins_with_either_recording() -> None:
    beginnings = {float(fade("random", 195, 0, pair)[0]) for pair in range(20)}
    assert beginnings == {0.0, 1.0}


@pytest.mark.parametrize("length", [1, 2, 195])
def test_cosine_is_magentas(length: int) -> None:
    n = np.arange(length)
    expected = (1 - np.cos(np.pi * n / length)) / 2
    assert fade("cosine", length, 0, 0) == pytest.approx(expected, abs=1e-6)


def test_linear_goes_from_a_to_b() -> None:
    assert fade("linear", 5, 0, 0).tolist() == [0, 0.25, 0.5, 0.75, 1]
