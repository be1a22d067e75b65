"""Manifests, their index, verification and garbage, on shards done in this process."""

from __future__ import annotations

import gzip
import os
import pickle
import time
from pathlib import Path

import pytest

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item, RowRange, Shard
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.gc import collect_garbage
from hdfs_jobs.runs.job import ShardJob, ShardResult
from hdfs_jobs.runs.worker import do_shard
from tests.hdfs_jobs.job_stages import MeanwhileStorage, Plain


@pytest.fixture
def dataset(store: Store) -> Dataset:
    """Five shards of two items, of which shards 0, 1 and 3 are committed."""
    dataset = store.dataset("plain", {"n": 1})
    wrong = {"wrong": "bad"}
    dataset.plan((Item(f"k{n}", extra=wrong if n == 2 else {}) for n in range(10)), 2)
    for shard in dataset.shards():
        if shard.number in {0, 1, 3}:
            commit(dataset, shard)
    return dataset


def commit(dataset: Dataset, shard: Shard) -> ShardResult | None:
    stage = pickle.dumps(Plain())
    return do_shard(ShardJob(dataset, shard, stage, None, {}, {}, None, False, "no", {}), 1)


def fresh(dataset: Dataset) -> Dataset:
    """The same dataset, with nothing read yet."""
    return pickle.loads(pickle.dumps(dataset))


def index_of(dataset: Dataset) -> str:
    return f"{dataset.path}/index.jsonl.gz"


def test_what_is_committed_is_what_has_a_manifest(dataset: Dataset) -> None:
    assert list(dataset.committed()) == [0, 1, 3]
    assert [shard.number for shard in dataset.pending()] == [2, 4]
    assert (len(dataset.pending()), len(dataset.shards())) == (2, 5)
    assert [number for number, _ in dataset.tables()] == [0, 1, 3]
    assert [manifest.shard for manifest in dataset.manifests()] == [0, 1, 3]
    totals = dataset.totals()
    assert (totals.shards, totals.committed, totals.items) == (5, 3, 6)
    assert (totals.rows, totals.quarantined, totals.seconds) == (25, 1, 12.5)
    with pytest.raises(KeyError):
        dataset.read(2)


def test_reading(dataset: Dataset) -> None:
    assert dataset.read(1, ["value"]).to_pydict() == {"value": [0, 1, 2, 3, 4]}
    table = dataset.read_rows([RowRange(3, 4, 6), RowRange(0, 0, 1)], ["key", "value"])
    assert table.to_pydict() == {"key": ["k6", "k7", "k0"], "value": [4, 0, 0]}


def test_the_index_spares_opening_manifests(dataset: Dataset, tmp_path: Path) -> None:
    expected, totals = list(dataset.summaries()), dataset.totals()
    dataset.compact()
    folder = tmp_path / "store" / dataset.path / "manifests"
    for path in folder.iterdir():
        path.write_bytes(b"")
    assert list(fresh(dataset).summaries()) == expected
    assert fresh(dataset).totals() == totals


def test_a_manifest_newer_than_the_index_counts(dataset: Dataset) -> None:
    expected = list(dataset.summaries())
    dataset.compact()
    whole = gzip.decompress(dataset.storage.read_bytes(index_of(dataset))).splitlines(True)
    for kept in ([], whole[:1], whole[1:], [whole[0], whole[2]]):
        dataset.storage.replace(index_of(dataset), gzip.compress(b"".join(kept)))
        assert list(fresh(dataset).summaries()) == expected
    dataset.compact()
    again = gzip.decompress(dataset.storage.read_bytes(index_of(dataset))).splitlines(True)
    assert again == whole


def test_a_line_without_a_manifest_counts_for_nothing(dataset: Dataset) -> None:
    dataset.compact()
    dataset.storage.delete(f"{dataset.path}/manifests/{dataset.committed()[1]}")
    assert [summary.shard for summary in fresh(dataset).summaries()] == [0, 3]
    assert [shard.number for shard in fresh(dataset).pending()] == [1, 2, 4]


def test_a_shard_made_again_replaces_its_line(dataset: Dataset) -> None:
    dataset.compact()
    old = dataset.manifest(1).attempt
    dataset.storage.delete(data_file(dataset, 1))
    dataset.storage.delete(f"{dataset.path}/manifests/{dataset.committed()[1]}")
    again = commit(dataset, next(iter(dataset.pending())))
    assert again is not None
    assert again.summary.attempt != old
    dataset.compact([again.summary])
    assert [summary.attempt for summary in fresh(dataset).summaries()][1] == again.summary.attempt
    assert [number for number, _ in fresh(dataset).tables()] == [0, 1, 3]
    assert list(dataset.verify()) == []


def test_lines_of_deleted_manifests_are_forgotten_before_shards_are_made_again(
    dataset: Dataset,
) -> None:
    dataset.compact()
    dataset.storage.delete(data_file(dataset, 1))
    dataset.storage.delete(f"{dataset.path}/manifests/{dataset.committed()[1]}")
    dataset.forget_deleted()
    # The run is killed before it brings the index up to date.
    commit(dataset, next(iter(dataset.pending())))
    assert [number for number, _ in fresh(dataset).tables()] == [0, 1, 3]
    assert list(dataset.verify()) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"text", gzip.compress(b"{}\n"), gzip.compress(b"no\n"), b"\x1f\x8b\x08\0"],
    ids=["empty", "text", "object", "no json", "cut"],
)
def test_a_damaged_index_is_as_good_as_none(dataset: Dataset, content: bytes) -> None:
    expected = list(dataset.summaries())
    dataset.storage.replace(index_of(dataset), content)
    assert list(fresh(dataset).summaries()) == expected


def test_an_index_cut_short_still_serves(dataset: Dataset) -> None:
    expected = list(dataset.summaries())
    dataset.compact()
    content = dataset.storage.read_bytes(index_of(dataset))
    for size in range(0, len(content), 7):
        dataset.storage.replace(index_of(dataset), content[:size])
        assert list(fresh(dataset).summaries()) == expected


def test_a_sound_dataset_verifies(dataset: Dataset) -> None:
    dataset.compact()
    assert list(dataset.verify()) == []


def data_file(dataset: Dataset, shard: int) -> str:
    return f"{dataset.path}/{dataset.manifest(shard).file}"


def test_one_altered_byte_of_data_is_found(dataset: Dataset) -> None:
    path = data_file(dataset, 1)
    content = dataset.storage.read_bytes(path)
    middle = len(content) // 2
    altered = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    dataset.storage.replace(path, altered)
    (problem,) = dataset.verify()
    assert problem.path == path
    assert "altered" in problem.what


def test_short_and_missing_data_is_found(dataset: Dataset) -> None:
    short, missing = data_file(dataset, 0), data_file(dataset, 3)
    dataset.storage.replace(short, dataset.storage.read_bytes(short)[:-1])
    dataset.storage.delete(missing)
    problems = {problem.path: problem.what for problem in dataset.verify()}
    assert problems.keys() == {short, missing}
    assert "bytes instead of" in problems[short]
    assert "missing" in problems[missing]


def test_an_altered_manifest_is_found_and_refused(dataset: Dataset) -> None:
    path = f"{dataset.path}/manifests/{dataset.committed()[1]}"
    content = dataset.storage.read_bytes(path)
    dataset.storage.replace(path, content.replace(b'"rows": 5', b'"rows": 6'))
    (problem,) = dataset.verify()
    assert problem.path == path
    with pytest.raises(UsageError, match="altered"):
        fresh(dataset).manifest(1)


def test_a_manifest_under_another_name_is_found(dataset: Dataset) -> None:
    names = dataset.committed()
    digests = {shard.number: shard.digest for shard in dataset.shards()}
    content = dataset.storage.read_bytes(f"{dataset.path}/manifests/{names[0]}")
    target = f"{dataset.path}/manifests/00000002-{digests[2]}.json"
    dataset.storage.publish(target, content)
    assert [problem.path for problem in dataset.verify()] == [target]


def test_an_index_that_lies_is_found(dataset: Dataset) -> None:
    dataset.compact()
    content = gzip.decompress(dataset.storage.read_bytes(index_of(dataset)))
    lie = content.replace(b'"rows":5', b'"rows":6')
    assert lie != content
    dataset.storage.replace(index_of(dataset), gzip.compress(lie))
    assert [problem.path for problem in dataset.verify()] == [index_of(dataset)]


def test_manifests_that_the_plan_does_not_know_stop_a_run(dataset: Dataset) -> None:
    dataset.storage.delete(f"runs/plans/{dataset.path}", recursive=True)
    lost = fresh(dataset)
    for use in (lost.committed, lost.pending, lambda: lost.plan([Item("new")], 1)):
        with pytest.raises(UsageError, match="plan"):
            use()
    assert len(list(lost.verify())) == 3


def one_more_run_meanwhile(store: Store) -> MeanwhileStorage:
    def plan_and_commit() -> None:
        dataset = store.dataset("plain", {})
        dataset.plan([Item("a")], 1)
        commit(dataset, next(iter(dataset.pending())))

    return MeanwhileStorage(store.url, plan_and_commit)


def test_two_runs_that_plan_the_same_do_not_miss_a_plan(store: Store) -> None:
    dataset = Dataset(one_more_run_meanwhile(store), "plain", {})
    assert len(dataset.plan([Item("a"), Item("b")], 1)) == 1
    assert [shard.number for shard in dataset.pending()] == [1]


def test_a_run_that_commits_meanwhile_is_no_problem(store: Store) -> None:
    assert list(Dataset(one_more_run_meanwhile(store), "plain", {}).verify()) == []


def snapshot(store: Store) -> set[str]:
    return {entry.path for entry in store.storage.walk(temporary=True)}


def test_gc_leaves_what_is_needed(store: Store, dataset: Dataset) -> None:
    store.storage.publish("raw/a.wav", b"")
    store.storage.publish("plain/notes.txt", b"")
    shard = next(iter(dataset.pending()))
    store.storage.publish(f"{dataset.partials}/00000002-{shard.digest}/clip", b"half")
    before = snapshot(store)
    assert collect_garbage(store, older_than=-1) == []
    assert snapshot(store) == before


def test_gc_removes_what_killed_attempts_left(store: Store, dataset: Dataset) -> None:
    before = snapshot(store)
    attempt = "0" * 32
    committed = dataset.manifest(1).input_digest
    orphans = {
        f"{dataset.path}/00000001-{attempt}.parquet": b"lost",
        f"{dataset.path}/00000002-{attempt}.parquet": b"died",
        f"{dataset.path}/.tmp-{attempt}": b"half",
        f"raw/deep/.tmp-{attempt}": b"half",
        f"{dataset.quarantine}/00000001-{attempt}.jsonl": b"{}",
        f"runs/drain/{attempt}": b"",
        f"{dataset.partials}/00000001-{committed}/clip": b"done",
        f"{dataset.partials}/00000002-{'0' * 16}/clip": b"other plan",
    }
    for path, content in orphans.items():
        store.storage.replace(path, content)
    assert collect_garbage(store) == []
    listed = collect_garbage(store, older_than=-1, dry_run=True)
    assert snapshot(store) == before | orphans.keys()
    assert sum(garbage.size for garbage in listed) == sum(map(len, orphans.values()))
    assert collect_garbage(store, older_than=-1) == listed
    assert snapshot(store) == before
    assert list(dataset.verify()) == []


def test_gc_spares_the_young(store: Store, dataset: Dataset, tmp_path: Path) -> None:
    for name, age in (("old", 7200), ("young", 60)):
        path = f"{dataset.path}/.tmp-{name}"
        store.storage.replace(path, b"")
        then = time.time() - age
        os.utime(tmp_path / "store" / path, (then, then))
    (garbage,) = collect_garbage(store, older_than=3600)
    assert garbage.path.endswith("old")


def test_gc_asks_the_manifest_when_the_index_lies(store: Store, dataset: Dataset) -> None:
    dataset.compact()
    content = gzip.decompress(dataset.storage.read_bytes(index_of(dataset)))
    lie = content.replace(dataset.manifest(0).attempt.encode(), b"f" * 32)
    dataset.storage.replace(index_of(dataset), gzip.compress(lie))
    assert collect_garbage(store, older_than=-1) == []
    assert dataset.storage.exists(data_file(dataset, 0))
