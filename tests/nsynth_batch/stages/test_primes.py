"""Where a prime is cut: inside its segment, and where that sounds."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.stages.primes import sounding_place


@given(
    length=st.integers(1, 400),
    share=st.floats(0, 1),
    draw=st.floats(0, 1, exclude_max=True),
    seed=st.integers(0, 99),
)
def test_a_stretch_lies_in_its_segment(length: int, share: float, draw: float, seed: int) -> None:
    samples = max(1, round(share * length))
    segment = np.random.default_rng(seed).integers(-32768, 32768, length).astype(np.int16)
    assert 0 <= sounding_place(segment, samples, draw) <= length - samples
    assert 0 <= sounding_place(0 * segment, samples, draw) <= length - samples


@given(draw=st.floats(0, 1, exclude_max=True), at=st.integers(400, 3000))
def test_a_stretch_ends_in_sound_where_there_is_any(draw: float, at: int) -> None:
    segment = np.zeros(4000, np.int16)
    segment[at : at + 300] = 1000
    end = sounding_place(segment, 400, draw) + 400
    assert segment[end - 100 : end].any()
