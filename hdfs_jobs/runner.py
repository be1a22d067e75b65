"""Run one stage over the pending shards of one dataset."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from hdfs_jobs.cluster import Cluster
from hdfs_jobs.dataset import Dataset
from hdfs_jobs.events import Event, Outcome
from hdfs_jobs.stage import Stage


def run_stage(
    dataset: Dataset,
    stage: Stage,
    *,
    upstream: Dataset | None = None,
    cluster: Cluster,
    time_limit: float | None = None,
    retries: int = 3,
    window: int | None = None,
    require: Mapping[str, str] | None = None,
    resources: Mapping[str, float] | None = None,
    on_event: Callable[[Event], None] | None = None,
    stop: threading.Event | None = None,
    backoff: float = 1.0,
    patience: float = 120.0,
) -> Outcome: ...
