from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item, RowRange, Shard, group
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.local import LocalStorage

keys = st.text(max_size=8)
runs = st.lists(st.tuples(st.lists(keys, max_size=30), st.integers(1, 7)), max_size=6)
items = st.builds(
    Item,
    key=st.text(),
    title=st.text(),
    url=st.none() | st.text(),
    rows=st.lists(st.builds(RowRange, *[st.integers(0, 2**40)] * 3), max_size=3).map(tuple),
    extra=st.dictionaries(st.text(), st.integers() | st.text() | st.booleans(), max_size=3),
    counts_as=st.none() | st.integers(1, 2**40),
)


@given(runs)
def test_growth_appends_and_never_regroups(planned: list[tuple[list[str], int]]) -> None:
    known: set[str] = set()
    shards: list[Shard] = []
    for wanted, per_shard in planned:
        before = list(shards)
        shards += group((Item(key) for key in wanted), known, len(shards), per_shard)
        assert shards[: len(before)] == before
        assert all(1 <= len(shard.items) <= per_shard for shard in shards[len(before) :])
    assert [shard.number for shard in shards] == list(range(len(shards)))
    placed = [item.key for shard in shards for item in shard.items]
    assert sorted(placed) == sorted({key for wanted, _ in planned for key in wanted})


@settings(max_examples=50)
@given(st.lists(items, max_size=5))
def test_a_shard_survives_its_line_of_json(members: list[Item]) -> None:
    shard = Shard.of(7, members)
    assert Shard.from_line(shard.to_line()) == shard


@settings(max_examples=50)
@given(st.lists(items, min_size=1, max_size=5))
def test_the_digest_is_made_from_the_keys_alone(members: list[Item]) -> None:
    bare = [Item(member.key) for member in members]
    assert Shard.of(0, members).digest == Shard.of(9, bare).digest
    assert Shard.of(0, members).digest != Shard.of(0, [*bare, Item("more")]).digest


def test_the_digest_is_the_same_for_ever() -> None:
    assert Shard.of(0, [Item("a"), Item("ß")]).digest == "8c3649d1378f8df9"


_folders = count()


@settings(max_examples=12, deadline=None)
@given(runs)
def test_the_plan_on_storage_is_the_plan(
    tmp_path_factory: pytest.TempPathFactory, planned: list[tuple[list[str], int]]
) -> None:
    root = tmp_path_factory.mktemp(f"plan{next(_folders)}")
    known: set[str] = set()
    expected: list[Shard] = []
    for wanted, per_shard in planned:
        new = list(group((Item(key) for key in wanted), known, len(expected), per_shard))
        expected += new
        # Another object each time: what one run plans, the next has to find on storage.
        dataset = Dataset(LocalStorage(str(root)), "plain", {"n": 1})
        dry = dataset.plan((Item(key) for key in wanted), per_shard, dry_run=True)
        real = dataset.plan((Item(key) for key in wanted), per_shard)
        assert list(dry) == list(real) == new
        assert len(dry) == len(real) == len(new)
        assert list(dataset.shards()) == list(dataset.pending()) == expected


def plan(store: Store, *sizes: int) -> Dataset:
    dataset = store.dataset("plain", {"n": 1})
    for run, size in enumerate(sizes):
        dataset.plan((Item(f"{run}-{i}", f"title {i}") for i in range(size)), 3)
    return dataset


def test_a_dry_run_writes_nothing(store: Store) -> None:
    before = list(store.storage.walk(temporary=True))
    new = store.dataset("plain", {"n": 1}).plan([Item("a"), Item("b")], 1, dry_run=True)
    assert (len(new), new.count_items()) == (2, 2)
    assert list(store.storage.walk(temporary=True)) == before


def test_planning_nothing_new_adds_no_file(store: Store) -> None:
    dataset = plan(store, 5)
    files = sorted(entry.path for entry in store.storage.walk())
    assert len(dataset.plan((Item(f"0-{i}") for i in reversed(range(5))), 1)) == 0
    assert sorted(entry.path for entry in store.storage.walk()) == files


def plan_files(dataset: Dataset, tmp_path: Path) -> Iterator[Path]:
    yield from sorted((tmp_path / "store/runs/plans" / dataset.path).iterdir())


def test_an_altered_plan_is_refused(store: Store, tmp_path: Path) -> None:
    path = next(plan_files(plan(store, 5), tmp_path))
    lines = gzip.decompress(path.read_bytes())
    altered = lines.replace(b"title 3", b"title 4")
    assert altered != lines
    path.write_bytes(gzip.compress(altered))
    with pytest.raises(UsageError, match="altered"):
        plan(store).pending()


def test_an_altered_header_is_refused(store: Store, tmp_path: Path) -> None:
    path = next(plan_files(plan(store, 5), tmp_path))
    header, _, body = gzip.decompress(path.read_bytes()).partition(b"\n")
    changed = json.dumps({**json.loads(header), "items": 4}).encode()
    path.write_bytes(gzip.compress(changed + b"\n" + body))
    with pytest.raises(UsageError, match="altered"):
        plan(store).shards()


@pytest.mark.parametrize(
    "content",
    [b"", b"text", gzip.compress(b"{}\n"), gzip.compress(b"[]")],
    ids=["empty", "text", "object", "list"],
)
def test_a_plan_that_is_none_is_refused(store: Store, tmp_path: Path, content: bytes) -> None:
    next(plan_files(plan(store, 5), tmp_path)).write_bytes(content)
    with pytest.raises(UsageError, match="not a plan"):
        plan(store).shards()


def test_a_plan_cut_short_is_refused(store: Store, tmp_path: Path) -> None:
    path = next(plan_files(plan(store, 50), tmp_path))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UsageError, match="not a plan"):
        plan(store).shards()


def test_a_lost_plan_file_is_noticed(store: Store, tmp_path: Path) -> None:
    first, _ = plan_files(plan(store, 5, 4), tmp_path)
    first.unlink()
    with pytest.raises(UsageError, match="missing"):
        plan(store).shards()


def test_plan_files_cannot_change_places(store: Store, tmp_path: Path) -> None:
    first, second = plan_files(plan(store, 5, 4), tmp_path)
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    with pytest.raises(UsageError, match="altered"):
        plan(store).shards()
