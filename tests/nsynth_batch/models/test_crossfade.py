"""The weight of each parent over a mash-up, and encodings mixed by them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.models.crossfade import (
    Mixture,
    grid_weights,
    mixture,
    shares,
    stretched,
)
from nsynth_batch.settings.choices import Curve
from nsynth_batch.settings.mash_rule import MashRule, Weights

frames = st.integers(1, 400)
seeds = st.integers(0, 2**31)
CURVES: tuple[Curve, ...] = ("random", "cosine", "linear")


def fade(curve: Curve, length: int, seed: int, pair: int) -> np.ndarray:
    """The share of B of two."""
    return shares(MashRule(curve), 2, length, seed, pair)[1]


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


counts = st.integers(2, 4)


def rules(parents: int) -> st.SearchStrategy[MashRule]:
    """Every curve, with drawn weights where it takes them, and drawn stretches."""
    shares_ = st.lists(st.integers(1, 9), min_size=parents, max_size=parents).map(
        lambda parts: tuple(part / sum(parts) for part in parts)
    )
    weights = st.none() | st.builds(Weights, shares_, shares_)
    factors = st.just(()) | st.tuples(*[st.floats(0.5, 2)] * parents)
    fades = st.builds(MashRule, st.sampled_from(CURVES), stretch=factors)
    return fades | st.builds(MashRule, st.just("blend"), weights=weights, stretch=factors)


def parts(lengths: list[int], seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, 16)).astype(np.float32) for n in lengths]


@given(st.data(), counts, frames, seeds)
def test_the_weights_of_a_frame_sum_to_one(
    data: st.DataObject, parents: int, length: int, seed: int
) -> None:
    found = shares(data.draw(rules(parents)), parents, length, seed, 3)
    assert found.shape == (parents, length)
    assert found.dtype == np.float32
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-6)


@given(st.data(), st.lists(st.integers(2, 40), min_size=2, max_size=4), seeds)
def test_a_mash_up_is_the_weighted_sum_of_what_was_stretched(
    data: st.DataObject, lengths: list[int], seed: int
) -> None:
    rule = data.draw(rules(len(lengths)))
    encodings = parts(lengths)
    made = mixture(encodings, rule, seed, 0)
    longer = [stretched(e, f) for e, f in zip(encodings, made.stretch, strict=True)]
    assert len(made.encoding) == made.weights.shape[1] == min(map(len, longer))
    pairs = zip(longer, made.weights, strict=True)
    expected = sum(w[:, None] * each[: len(w)] for each, w in pairs)
    np.testing.assert_allclose(made.encoding, expected, atol=1e-5)


@given(st.integers(1, 300), st.floats(0.5, 2))
def test_stretched_and_back_an_encoding_is_as_long_as_before(length: int, factor: float) -> None:
    [encoding] = parts([length])
    if round(length * factor) == 0:
        with pytest.raises(ValueError, match="leaves nothing of 1 frames"):
            stretched(encoding, factor)
        return
    there = stretched(encoding, factor)
    assert len(there) == round(length * factor)
    assert there.dtype == np.float32
    assert encoding.min(axis=0).min() <= there.min() <= there.max() <= encoding.max()
    # Half a frame is rounded on the way there, so a whole one where that was to half the length.
    assert abs(round(len(there) / factor) - length) <= (factor < 1)


def test_a_stretch_keeps_what_moves_slowly() -> None:
    slow = np.sin(np.arange(200) / 20)[:, None].astype(np.float32)
    back = stretched(stretched(slow, 1.7), 1 / 1.7)
    np.testing.assert_allclose(back[2:-2], slow[2:-2], atol=0.01)
    assert stretched(slow, 1.0) is slow


@given(counts, st.integers(1, 60), st.data())
def test_a_blend_that_is_all_of_one_is_that_one_to_the_bit(
    parents: int, length: int, data: st.DataObject
) -> None:
    chosen = data.draw(st.integers(0, parents - 1))
    encodings = parts([length] * parents)
    only = tuple(float(at == chosen) for at in range(parents))
    made = mixture(encodings, MashRule("blend", weights=Weights(only, only)), 0, 0)
    assert np.array_equal(made.encoding, encodings[chosen])


@given(st.integers(2, 12))
def test_the_corners_of_a_grid_are_its_parents_and_every_point_is_shared_out(size: int) -> None:
    points = grid_weights(size)
    assert len(points) == size**2
    encodings = parts([9, 9, 9, 9])

    def at(row: int, column: int) -> Mixture:
        return mixture(encodings, MashRule("blend", weights=points[row * size + column]), 0, 0)

    corners = [(0, 0), (0, size - 1), (size - 1, 0), (size - 1, size - 1)]
    for place, parent in zip(corners, encodings, strict=True):
        assert np.array_equal(at(*place).encoding, parent)
    assert all(sum(point.start) == pytest.approx(1) for point in points)
    for edge, pair in (((0, 1), (0, 1)), ((1, 0), (0, 2))):
        assert {n for n, share in enumerate(at(*edge).weights[:, 0]) if share} <= set(pair)


@pytest.mark.parametrize("curve", CURVES)
def test_three_parents_follow_each_other(curve: Curve) -> None:
    found = shares(MashRule(curve), 3, 300, 1, 0)
    assert ((found > 0).sum(axis=0) <= 2).all()
    assert (found.max(axis=1) > 0.99).all()
    if curve != "random":
        assert np.argmax(found[:, ::149], axis=0).tolist() == [0, 1, 2]


@given(st.integers(2, 33), st.integers(0, 4000), frames)
def test_a_square_holds_bilinear_weights_and_nothing_of_what_is_not_there(
    size: int, number: int, length: int
) -> None:
    rule = MashRule("blend", grid=size)
    found = shares(rule, 4, length, 0, number)
    down, right = np.array(divmod(number % size**2, size)) / (size - 1)
    expected = np.outer([1 - down, down], [1 - right, right]).ravel()
    np.testing.assert_allclose(found, np.repeat(expected[:, None], length, axis=1), atol=1e-6)
    assert (found[expected == 0] == 0).all()
    assert rule.mashups_a_draw == size**2
