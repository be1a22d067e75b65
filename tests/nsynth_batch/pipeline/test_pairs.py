"""Pair k of a seed over a pool."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdfs_jobs.errors import UsageError
from nsynth_batch.pipeline.pairs import PoolSegment, draw_pairs

CATEGORIES = ("music", "nature", "human")


def segment(file_id: str, number: int = 0, *categories: str) -> PoolSegment:
    return PoolSegment(file_id, number, 0, 0, 195, categories)


@st.composite
def pools(draw: st.DrawFn) -> list[PoolSegment]:
    lengths = draw(st.lists(st.integers(1, 4), min_size=2, max_size=6))
    return [
        segment(f"file{i}", number, CATEGORIES[i % 2], *CATEGORIES[2 : 2 + i % 3])
        for i, length in enumerate(lengths)
        for number in range(length)
    ]


def identity(pair: tuple[PoolSegment, ...]) -> frozenset[tuple[str, int]]:
    return frozenset((s.file_id, s.segment) for s in pair)


def possible(pool: list[PoolSegment]) -> int:
    return len({identity((a, b)) for a in pool for b in pool if a.file_id != b.file_id})


@given(pools(), st.integers(0, 200), st.integers(0, 1000))
def test_pairs_are_of_two_recordings_and_do_not_depend_on_how_many_are_asked_for(
    pool: list[PoolSegment], count: int, seed: int
) -> None:
    pairs = list(draw_pairs(pool, count, seed))
    assert len(pairs) == count
    assert all(a.file_id != b.file_id for a, b in pairs)
    assert list(draw_pairs(pool, count + 7, seed))[:count] == pairs


@given(pools(), st.integers(0, 1000))
def test_the_order_of_the_pool_changes_nothing(pool: list[PoolSegment], seed: int) -> None:
    shuffled = sorted(pool, key=lambda s: hash((s.file_id, s.segment, seed)))
    assert list(draw_pairs(shuffled, 9, seed)) == list(draw_pairs(pool, 9, seed))


@settings(deadline=None)
@given(pools(), st.integers(0, 50), st.integers(1, 3))
def test_every_two_meet_once_before_any_meet_again(
    pool: list[PoolSegment], seed: int, rounds: int
) -> None:
    count = possible(pool)
    met = Counter(identity(pair) for pair in draw_pairs(pool, rounds * count, seed))
    assert len(met) == count
    assert set(met.values()) == {rounds}


@given(pools(), st.integers(0, 50))
def test_categories_are_those_of_the_first_and_the_second(
    pool: list[PoolSegment], seed: int
) -> None:
    for a, b in draw_pairs(pool, 12, seed, ("Music", "NATURE")):
        assert "music" in a.categories
        assert "nature" in b.categories


def test_another_seed_draws_other_pairs() -> None:
    pool = [segment(f"file{i}") for i in range(50)]
    assert list(draw_pairs(pool, 10, 0)) != list(draw_pairs(pool, 10, 1))


def test_a_long_recording_is_drawn_no_more_often_than_a_short_one() -> None:
    pool = [segment("long", n) for n in range(5000)]
    pool += [segment(f"short{i}", n) for i in range(9) for n in range(50)]
    drawn = Counter(s.file_id for pair in draw_pairs(pool, 500, 3) for s in pair)
    assert 60 < drawn["long"] < 140


@pytest.mark.parametrize("pool", [[], [segment("a")], [segment("a", 0), segment("a", 1)]])
def test_two_different_recordings_are_needed(pool: list[PoolSegment]) -> None:
    with pytest.raises(UsageError, match=r"two different recordings and [01] can be had"):
        draw_pairs(pool, 1, 0)


def test_a_category_without_recordings_is_said_at_once() -> None:
    pool = [segment("a", 0, "music"), segment("b", 0, "music")]
    with pytest.raises(UsageError, match="--pair music:birds finds 2 and 0 recordings"):
        draw_pairs(pool, 1, 0, ("music", "birds"))


def test_a_recording_that_one_side_has_alone_is_left_to_it() -> None:
    pool = [segment("both", 0, "music", "nature"), segment("other", 0, "music")]
    pairs = draw_pairs(pool, 20, 0, ("music", "nature"))
    assert {(a.file_id, b.file_id) for a, b in pairs} == {("other", "both")}


@given(pools(), st.integers(3, 4), st.integers(0, 40), st.integers(0, 100))
def test_three_and_four_are_of_different_recordings_or_are_refused(
    pool: list[PoolSegment], parents: int, count: int, seed: int
) -> None:
    if len({s.file_id for s in pool}) < parents:
        with pytest.raises(UsageError, match=r"needs (three|four) different recordings and [23]"):
            draw_pairs(pool, count, seed, None, parents)
        return
    drawn = list(draw_pairs(pool, count, seed, None, parents))
    assert [len({s.file_id for s in each}) for each in drawn] == [parents] * count
    assert list(draw_pairs(pool, count + 3, seed, None, parents))[:count] == drawn


def test_few_recordings_of_a_category_are_left_to_it_whichever_side_is_drawn_first() -> None:
    pool = [segment(name, 0, "music") for name in "abcdef"]
    pool += [segment("g", 0, "music", "nature"), segment("h", 0, "music", "nature")]
    for order in itertools.permutations(("music", "nature", "nature")):
        for each in draw_pairs(pool, 30, 1, order, 3):
            assert all(c in s.categories for c, s in zip(order, each, strict=True))
            assert {"g", "h"} < {s.file_id for s in each}
    with pytest.raises(UsageError, match="finds 8, 2 and 0 recordings, and a mash-up needs three"):
        draw_pairs(pool, 1, 0, ("music", "nature", "birds"), 3)
    nature = ("nature", "nature", "nature")
    with pytest.raises(UsageError, match="finds 2, 2 and 2 recordings"):
        draw_pairs(pool, 1, 0, nature, 3)
