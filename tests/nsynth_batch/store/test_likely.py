"""Clips kept by their likelihood: a range of ranks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.store.likely import Likely


@given(
    nats=st.lists(st.floats(0, 9), max_size=40),
    ends=st.tuples(st.integers(0, 100), st.integers(0, 100)).filter(lambda ends: ends[0] < ends[1]),
)
def test_ranges_that_meet_keep_every_clip_and_stand_in_order(
    nats: list[float], ends: tuple[int, int]
) -> None:
    clips = {f"{i:02}": value for i, value in enumerate(nats)}
    first, last = (end / 100 for end in ends)
    kept = Likely(first, last).kept(clips)
    below = Likely(0, first).kept(clips) if first else set()
    above = Likely(last, 1).kept(clips) if last < 1 else set()
    assert below | kept | above == set(clips)
    assert len(kept) <= (last - first) * len(clips) + 2
    for lower in below - kept:
        assert all(clips[lower] <= clips[one] for one in kept)
    for higher in above - kept:
        assert all(clips[higher] >= clips[one] for one in kept)


def test_twenty_clips_lose_the_first_and_the_last_eight() -> None:
    clips = {f"{i:02}": float(i) for i in range(20)}
    assert sorted(Likely(0.05, 0.6).kept(clips)) == [f"{i:02}" for i in range(1, 12)]


@pytest.mark.parametrize("ends", [(0.5, 0.5), (0.6, 0.1), (-0.1, 1.0), (0.0, 1.1)])
def test_what_is_no_range_is_refused(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="no range"):
        Likely(*ends)
