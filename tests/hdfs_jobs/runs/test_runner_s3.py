"""A run on S3 whose credentials expire on the way."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.events import Event, ShardCommitted
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.runner import run_stage
from hdfs_jobs.storage.remote import LoginError
from tests.components.faults import Fault, FaultProxy
from tests.components.s3 import S3Server
from tests.hdfs_jobs.builders import planned, three_a_shard
from tests.hdfs_jobs.job_stages import Plain

EXPIRED = Fault(
    400,
    {"Content-Type": "application/xml"},
    b"<?xml version='1.0'?><Error><Code>ExpiredToken</Code><Message>words</Message></Error>",
)


def after(count: int, act: Callable[[], object]) -> Callable[[Event], None]:
    """Return who acts once so many shards are committed."""

    def heed(event: Event) -> None:
        if isinstance(event, ShardCommitted) and event.done == count:
            act()

    return heed


def test_a_run_whose_credentials_expire_goes_on_with_new_ones(
    versitygw: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = FaultProxy(versitygw.host)
    versitygw.set_up(monkeypatch, AWS_ENDPOINT_URL=f"http://{proxy.host}")
    store = Store.open(f"{versitygw.url}/{uuid.uuid4().hex}", create=True)
    dataset = planned(store, three_a_shard(6), 3)
    options = RunOptions(backoff=0.01, window=1, retries=1)
    with Cluster(workers=1) as cluster:
        with pytest.raises(LoginError, match=r"credentials of this .* have expired"):
            run_stage(
                dataset,
                Plain(),
                cluster=cluster,
                options=options,
                on_event=after(2, lambda: proxy.fail(" /", EXPIRED, times=10_000)),
            )
        proxy.reset()
        committed = len(dataset.committed())
        assert 2 <= committed < 6
        outcome = run_stage(dataset, Plain(), cluster=cluster, options=options)
    assert outcome.committed == 6 - committed
    assert list(dataset.verify()) == []
    proxy.stop()
