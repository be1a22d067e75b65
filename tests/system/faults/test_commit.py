"""SIGKILL at every step of the commit, to real processes: what comes of it has the same bytes."""

from __future__ import annotations

import signal
import uuid
from pathlib import Path

import pytest

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.gc import collect_garbage
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.runner import run_stage
from hdfs_jobs.runs.worker import do_shard
from hdfs_jobs.storage.base import Storage
from tests.components.hadoop import SCHEMES, Hdfs
from tests.components.s3 import SERVERS, S3Server
from tests.hdfs_jobs.builders import (
    SETTINGS,
    data_of,
    ended,
    in_a_process,
    job_of,
    kinds_of_files,
    lasting,
    planned,
    three_a_shard,
)
from tests.system.faults.points import FaultyStage, FaultyStorage, steps_of_a_shard

OF_ITEMS = ("item: begun", "item: rows held, none written")
NAMED = {
    "mark of the attempt: under its own name",
    "data file: temporary file open",
    "data file: half written",
    "data file: whole under its temporary name",
    "data file: under its own name",
    "data file: not yet read back",
    "quarantine file: under its own name",
    "manifest: whole under its temporary name",
    "manifest: under its own name",
    "mark of the attempt: removed",
    "partial results: removed",
}

ON_HDFS = {
    "data file: half written",
    "data file: whole under its temporary name",
    "data file: under its own name",
    "manifest: whole under its temporary name",
    "manifest: under its own name",
}


def assert_same(dataset: Dataset, whole: Dataset) -> None:
    assert [s.shard for s in dataset.summaries()] == [s.shard for s in whole.summaries()]
    for summary in whole.summaries():
        number = summary.shard
        assert lasting(dataset.manifest(number)) == lasting(whole.manifest(number))
        assert data_of(dataset, number) == data_of(whole, number)
    assert list(dataset.verify()) == []


def uninterrupted(root: str, what: list[Item], traps: Path) -> Dataset:
    dataset = planned(Store.open(root, create=True), what, 3)
    for shard in dataset.pending():
        do_shard(job_of(dataset, FaultyStage(traps=str(traps)), shard=shard), 1)
    return dataset


def kill_at_each(store: Store, points: list[str], traps: Path) -> Dataset:
    """Have a process die at each point, of a shard of its own; then do what is left."""
    dies = {n: point for n, point in enumerate(points) if point in OF_ITEMS}
    dataset = planned(store, three_a_shard(len(points), dies), 3)
    stage = FaultyStage(traps=str(traps))
    shards = list(dataset.shards())
    published = points.index("manifest: under its own name")
    for shard, point in zip(shards, points, strict=True):
        storage = FaultyStorage(store.storage, point)
        job = job_of(Dataset(storage, "plain", SETTINGS), stage, shard=shard)
        assert in_a_process(job) == -signal.SIGKILL, point
        # What a reader sees in between is the whole shard or none of it.
        after = points.index(point) >= published and point not in OF_ITEMS
        assert (dataset.find(shard) is not None) == after, point
    assert list(dataset.verify()) == []
    for shard in shards:
        # One that is committed is a no-op: its reply was all that was lost.
        assert do_shard(job_of(dataset, stage, shard=shard), 1) is not None
    return dataset


def test_a_kill_at_every_step_changes_nothing(tmp_path: Path, traps: Path) -> None:
    points = steps_of_a_shard(tmp_path / "traced", traps)
    assert set(points) >= NAMED
    points += OF_ITEMS
    store = Store.open(str(tmp_path / "killed"), create=True)
    dataset = kill_at_each(store, points, traps)
    dies = {n: point for n, point in enumerate(points) if point in OF_ITEMS}
    whole = uninterrupted(str(tmp_path / "whole"), three_a_shard(len(points), dies), traps)
    assert_same(dataset, whole)
    collect_garbage(store, older_than=-1)
    assert kinds_of_files(store.storage) == kinds_of_files(whole.storage)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_kill_at_the_steps_that_count_changes_nothing_on_hdfs(
    hdfs: Hdfs, hdfs_folder: str, scheme: str, tmp_path: Path, traps: Path
) -> None:
    root = hdfs.url(scheme) + hdfs_folder
    points = [step for step in steps_of_a_shard(tmp_path / "traced", traps) if step in ON_HDFS]
    store = Store.open(root, create=True)
    dataset = kill_at_each(store, points, traps)
    whole = uninterrupted(str(tmp_path / "whole"), three_a_shard(len(points)), traps)
    assert_same(dataset, whole)
    collect_garbage(store, older_than=-1)
    assert kinds_of_files(store.storage) == kinds_of_files(whole.storage)


@pytest.mark.parametrize("server", SERVERS)
def test_a_kill_at_the_steps_that_count_changes_nothing_on_s3(
    server: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    traps: Path,
) -> None:
    running: S3Server = request.getfixturevalue(server)
    running.set_up(monkeypatch)
    points = [step for step in steps_of_a_shard(tmp_path / "traced", traps) if step in ON_HDFS]
    store = Store.open(f"{running.url}/{uuid.uuid4().hex}", create=True)
    dataset = kill_at_each(store, points, traps)
    whole = uninterrupted(str(tmp_path / "whole"), three_a_shard(len(points)), traps)
    assert_same(dataset, whole)
    collect_garbage(store, older_than=-1)
    assert kinds_of_files(store.storage) == kinds_of_files(whole.storage)


def test_dask_workers_that_die_at_each_point_leave_the_same_bytes(
    tmp_path: Path, cluster: Cluster, traps: Path
) -> None:
    points = sorted(NAMED) + list(OF_ITEMS)
    dies = {n: point for n, point in enumerate(points) if point in OF_ITEMS}
    what = three_a_shard(len(points), dies)
    store = Store.open(str(tmp_path / "killed"), create=True)
    planned(store, what, 3)
    deadly = {f"{n:08d}-": point for n, point in enumerate(points) if n not in dies}
    storage = FaultyStorage(store.storage, folder=str(traps), points=deadly)
    dying = Dataset(storage, "plain", SETTINGS)
    options = RunOptions(backoff=0.01, retries=5)
    run_stage(dying, FaultyStage(traps=str(traps)), cluster=cluster, options=options)
    assert len(list(traps.iterdir())) == len(points)
    whole = uninterrupted(str(tmp_path / "whole"), what, traps)
    dataset = store.current_of("plain")
    assert dataset is not None
    assert_same(dataset, whole)


def plan_and_compact(storage: Storage) -> None:
    dataset = Dataset(storage, "plain", SETTINGS)
    dataset.plan(three_a_shard(4), 3)
    dataset.compact()


def test_a_kill_at_every_step_of_planning_and_of_the_index(tmp_path: Path) -> None:
    traced = FaultyStorage(Store.open(str(tmp_path / "traced"), create=True).storage)
    plan_and_compact(traced)
    points = list(traced.steps)
    assert {"plan: whole under its temporary name", "plan: under its own name"} < set(points)
    assert {"index: not yet replaced", "index: replaced", "pointer: replaced"} < set(points)
    expected = [shard.to_line() for shard in Dataset(traced, "plain", SETTINGS).shards()]
    for n, point in enumerate(points):
        store = Store.open(str(tmp_path / str(n)), create=True)
        store.dataset("plain", {"kind": "planned before"}).plan(three_a_shard(1), 3)
        assert ended(plan_and_compact, FaultyStorage(store.storage, point)) == -signal.SIGKILL
        # Readers and gc come by before anything is planned again.
        for known in store.datasets("plain"):
            assert known.totals().committed == 0
            assert list(known.verify()) == []
        collect_garbage(store, older_than=-1)
        dataset = store.dataset("plain", SETTINGS)
        dataset.plan(three_a_shard(4), 3)
        assert [shard.to_line() for shard in dataset.shards()] == expected
        assert list(dataset.verify()) == []
        collect_garbage(store, older_than=-1)
        assert not [e for e in store.storage.walk(temporary=True) if ".tmp-" in e.path]
