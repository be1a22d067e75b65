"""One shard of a store on S3: the requests that it takes, and what it leaves."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.stage import Stage, Task
from hdfs_jobs.runs.worker import do_shard
from hdfs_jobs.storage.open import open_storage
from hdfs_jobs.storage.remote import LoginError
from tests.components.faults import FaultProxy
from tests.components.s3 import S3Server
from tests.hdfs_jobs.builders import job_of, planned
from tests.hdfs_jobs.job_stages import Plain, rows_of


@dataclass(frozen=True)
class Keeping(Plain):
    """Keeps a partial result."""

    def process(self, item: Item, source: object, task: Task) -> Iterator[pa.RecordBatch]:
        task.partial.save("half", b"21")
        yield rows_of(item.key, [42])


@pytest.fixture
def proxied(
    versitygw: S3Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Store, FaultProxy]]:
    proxy = FaultProxy(versitygw.host)
    versitygw.set_up(monkeypatch, AWS_ENDPOINT_URL=f"http://{proxy.host}")
    yield Store.open(f"{versitygw.url}/{uuid.uuid4().hex}", create=True), proxy
    proxy.stop()


def requests_of_a_shard(store: Store, proxy: FaultProxy, stage: Stage) -> list[str]:
    """Commit a shard, and return what was asked: method and the last part of the path."""
    dataset = planned(store, [Item("a")])
    job = job_of(dataset, stage)
    proxy.reset()
    do_shard(job, threads=1)
    asked = list(proxy.seen)
    assert list(dataset.verify()) == []
    return [f"{seen.method} {_kind(seen.path)}" for seen in asked]


def _kind(path: str) -> str:
    name = urlsplit(path).path.rpartition("/")[2]
    return "list" if "list-type" in path else name.split("-")[0].rpartition(".")[2]


def test_a_shard_takes_eight_requests(proxied: tuple[Store, FaultProxy]) -> None:
    store, proxy = proxied
    assert requests_of_a_shard(store, proxy, Plain()) == [
        "GET 00000000",  # its manifest, of another attempt
        "GET test",  # the mark of a run that is to end
        "GET list",  # what attempts that died have left
        "PUT begin",
        "PUT 00000000",  # the data
        "GET 00000000",  # the same, read back
        "PUT 00000000",  # the manifest
        "DELETE begin",
    ]
    assert [*store.storage.walk("runs/partial", temporary=True)] == []


def test_a_shard_that_kept_something_leaves_nothing(proxied: tuple[Store, FaultProxy]) -> None:
    store, proxy = proxied
    assert "PUT half" in requests_of_a_shard(store, proxy, Keeping())
    assert [*store.storage.walk("runs/partial", temporary=True)] == []


def test_a_worker_that_may_not_log_in_blames_no_recording(
    versitygw: S3Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its store is elsewhere, such as on a disk that all workers have."""
    versitygw.set_up(monkeypatch)
    sources = open_storage(f"{versitygw.url}/{uuid.uuid4().hex}")
    sources.publish("a", b"content")
    dataset = planned(store, [Item("a", url=f"{sources.url}/a")])
    for name, value, said in (
        ("AWS_ACCESS_KEY_ID", "", "has no credentials for S3"),
        ("AWS_ACCESS_KEY_ID", "wrong", "does not accept the credentials"),
    ):
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            with pytest.raises(LoginError, match=said):
                do_shard(job_of(dataset, Plain()), threads=1)
        assert not dataset.committed()
    do_shard(job_of(dataset, Plain()), threads=1)
    assert not dataset.manifest(0).quarantined
