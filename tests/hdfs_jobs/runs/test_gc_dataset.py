"""A whole dataset is deleted, or stays because something needs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.gc_dataset import find_dataset, remove_dataset
from hdfs_jobs.runs.worker import do_shard
from hdfs_jobs.storage.local import LocalStorage
from tests.hdfs_jobs.builders import job_of
from tests.hdfs_jobs.job_stages import Plain


def made(store: Store, kind: str, name: str = "plain", **more: str) -> Dataset:
    dataset = store.dataset(name, {"kind": kind, **more})
    dataset.plan([Item("a", "A"), Item("b", "B", extra={"wrong": "bad"})], 2)
    do_shard(job_of(dataset, Plain()), 1)
    return dataset


def files(store: Store) -> set[str]:
    return {entry.path for entry in store.storage.walk(temporary=True)}


def test_a_dataset_is_found_by_the_beginning_of_its_digest(store: Store) -> None:
    one = made(store, "one")
    assert find_dataset(store, one.digest[:6]).path == one.path
    for digest in ("", "nothing"):
        with pytest.raises(UsageError, match="status --datasets"):
            find_dataset(store, digest)


def test_all_of_an_old_dataset_goes_and_nothing_else(store: Store) -> None:
    before = files(store)
    old = made(store, "old")
    store.storage.publish("runs/pools/old", b"pool")
    its_own = files(store) - before - {"plain/latest.json"}
    new = made(store, "new")
    kept = files(store) - its_own
    found = remove_dataset(store, old, ["runs/pools/old"], dry_run=True)
    assert {garbage.path for garbage in found} == its_own
    assert files(store) == kept | its_own
    assert remove_dataset(store, old, ["runs/pools/old"]) == found
    assert files(store) == kept
    assert [one.digest for one in store.datasets("plain")] == [new.digest]
    assert list(new.verify()) == []


def test_a_dataset_that_is_needed_stays(store: Store) -> None:
    old = made(store, "old")
    with pytest.raises(UsageError, match="current"):
        remove_dataset(store, old)
    made(store, "new")
    made(store, "above", name="above", plain=old.digest)
    with pytest.raises(UsageError, match="was made from it"):
        remove_dataset(store, old)
    assert len(store.datasets("plain")) == 2


class Killed(Exception):
    pass


class Dying(LocalStorage):
    """A storage on which so many deletions are done, and no more."""

    left = 0

    def delete(self, path: str, *, recursive: bool = False) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1
        super().delete(path, recursive=recursive)


def test_a_removal_that_was_killed_anywhere_is_done_again(tmp_path: Path) -> None:
    deaths = 0
    while True:
        folder = str(tmp_path / str(deaths))
        store = Store.open(folder, create=True)
        old = made(store, "old")
        made(store, "new")
        dying = Dying(folder)
        dying.left = deaths
        try:
            remove_dataset(Store(dying), Dataset(dying, "plain", {"kind": "old"}))
        except Killed:
            again = find_dataset(store, old.digest)
            assert [len(list(d.verify())) for d in store.datasets("plain")] == [0, 0]
            remove_dataset(store, again)
        else:
            break
        assert not [path for path in files(store) if old.digest in path]
        deaths += 1
    assert deaths > 5
