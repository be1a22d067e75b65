from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.clips.weight_points import MOST_POINTS, mean_weight, percentages, thinned, weight_at

weights = st.lists(st.floats(0, 1), min_size=1, max_size=60)


@given(weights)
@settings(max_examples=80, deadline=None)
def test_points_are_few_and_weights(frames: list[float]) -> None:
    points = thinned(frames)
    assert 1 <= len(points) <= MOST_POINTS
    assert all(0 <= point <= 1 and round(point, 3) == point for point in points)
    assert min(frames) - 6e-4 <= min(points) and max(points) <= max(frames) + 6e-4


def test_a_fade_comes_through_and_a_constant_is_one_point() -> None:
    assert thinned([]) == ()
    assert thinned([0.25] * 40) == (0.25,)
    fade = thinned([(n + 0.5) / 200 for n in range(200)])
    assert len(fade) == MOST_POINTS
    for place in (0.0, 0.3, 0.77, 1.0):
        assert weight_at(fade, place) == pytest.approx(place, abs=0.004)


@given(weights, st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=80, deadline=None)
def test_the_mean_is_the_integral(frames: list[float], one: float, other: float) -> None:
    points = thinned(frames)
    start, stop = sorted((one, other))
    fine = np.mean([weight_at(points, place) for place in np.linspace(start, stop, 2001)])
    assert mean_weight(points, start, stop) == pytest.approx(fine, abs=2e-3)


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=4), st.sampled_from([0, 1]))
@settings(max_examples=80, deadline=None)
def test_shown_shares_of_one_clip_sum_to_a_hundred(parts: list[float], decimals: int) -> None:
    # As scores keep them, to three decimals, which need not sum to one.
    shares = [round(part / sum(parts), 3) for part in parts]
    shown = percentages(shares, decimals)
    assert sum(shown) == pytest.approx(100)
    for share, percent in zip(shares, shown, strict=True):
        assert abs(percent - 100 * share) < 10**-decimals + 0.3


def test_a_share_of_nearly_none_is_none() -> None:
    assert percentages([0.995, 0.005]) == (100, 0)
    assert percentages([0.513, 0.488], 1) == (51.2, 48.8)


def test_without_weights_all_of_it() -> None:
    assert mean_weight((), 0.2, 0.7) == 1.0
    assert weight_at((), 0.5) == 1.0
