from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.models.draws import Draws


@given(st.integers(0, 10_000), st.integers(0, 300), st.integers(0, 2**63), st.text(max_size=20))
def test_any_stretch_is_the_same_as_in_the_whole(
    start: int, count: int, seed: int, clip_id: str
) -> None:
    whole = Draws(seed, clip_id).uniform(0, start + count)
    np.testing.assert_array_equal(Draws(seed, clip_id).uniform(start, count), whole[start:])


def test_draws_are_uniform_below_one() -> None:
    draws = Draws(1, "a").uniform(0, 200_000)
    assert draws.dtype == np.float32
    assert draws.min() >= 0
    assert draws.max() < 1
    counts = np.histogram(draws, 16, (0, 1))[0]
    assert np.abs(counts - 12_500).max() < 500


def test_seed_and_id_both_matter() -> None:
    first = Draws(1, "a").uniform(0, 8)
    assert not np.array_equal(first, Draws(2, "a").uniform(0, 8))
    assert not np.array_equal(first, Draws(1, "b").uniform(0, 8))


def test_draws_of_a_clip_never_change() -> None:
    """Bytes of clips hang on these numbers: another release must draw the same."""
    np.testing.assert_array_equal(
        (Draws(7, "clip").uniform(0, 4) * 2**24).astype(int), [8426967, 3544392, 2535012, 12577565]
    )
