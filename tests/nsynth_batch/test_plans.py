"""What the stages are given to do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.plan import RowRange
from nsynth_batch import plans
from nsynth_batch.pairs import PoolSegment


@given(st.integers(0, 10**7), st.integers(1, 1000))
def test_a_shard_is_never_empty_and_never_too_large(count: int, most: int) -> None:
    size = plans.per_shard(count, most)
    assert 1 <= size <= most
    if count <= plans.PARTS * most:
        assert -(-count // size) <= plans.PARTS


@given(st.integers(0, 10**6), st.integers(1, 500))
def test_a_batch_fills_the_engine_and_leaves_something_for_a_second_worker(
    mashups: int, most: int
) -> None:
    size = plans.batch_size(mashups, most)
    assert min(most, plans.SMALLEST_BATCH) <= size <= most
    if mashups >= 16:
        assert mashups // size >= 2
    if mashups >= 8 * most:
        assert size == most


rows = st.lists(
    st.tuples(st.integers(1, 195), st.integers(0, 3), st.integers(0, 30)),
    max_size=60,
    unique_by=lambda row: row[1:],
)


@given(rows, st.integers(1, 10))
def test_batches_hold_every_row_once_and_those_of_like_length_together(
    left: list[tuple[int, int, int]], size: int
) -> None:
    names = {shard: f"content {shard}" for shard in range(4)}
    items = list(plans.Undecoded(tuple(sorted(left)), names).batches(size))
    frames = {(shard, row): n for n, shard, row in left}
    batches = [
        [(r.shard, row) for r in item.rows for row in range(r.start, r.stop)] for item in items
    ]
    assert sorted(row for batch in batches for row in batch) == sorted(frames)
    assert all(batch == sorted(batch) and len(batch) <= size for batch in batches)
    longest = [max(frames[row] for row in batch) for batch in batches]
    shortest = [min(frames[row] for row in batch) for batch in batches]
    assert all(a <= b for a, b in zip(longest, shortest[1:], strict=False))
    assert len({item.key for item in items}) == len(items)


def test_the_key_of_a_batch_is_its_content_and_not_its_place() -> None:
    here = plans.Undecoded(((9, 0, 0), (9, 0, 1)), {0: "same"})
    there = plans.Undecoded(((9, 5, 0), (9, 5, 1)), {5: "same"})
    other = plans.Undecoded(((9, 0, 0), (9, 0, 1)), {0: "other"})
    keys = [next(left.batches(2)).key for left in (here, there, other)]
    assert keys[0] == keys[1] != keys[2]


def test_a_pair_is_two_rows_a_first() -> None:
    a, b = PoolSegment("a", 1, 2, 3, 195), PoolSegment("b", 4, 5, 6, 195)
    [_, item] = plans.mash_items([(b, a), (a, b)])
    assert item.rows == (RowRange(2, 3, 4), RowRange(5, 6, 7))
    assert item.extra == {"pair": 1}


def test_a_task_is_ten_minutes_long_or_four_clips() -> None:
    assert plans.most_at_once(6.0, rate=0.2) == 20
    assert plans.most_at_once(6.0, rate=0.01) == 4


def test_pairs_from_one_on_keep_their_numbers() -> None:
    pairs = [(PoolSegment("a", n, 0, n, 9), PoolSegment("b", n, 0, n, 9)) for n in range(5)]
    assert list(plans.mash_items(pairs, 3)) == list(plans.mash_items(pairs))[3:]
