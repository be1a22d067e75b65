"""A stage that is planned, and how it is run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Shards
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.events import Event, Outcome
from hdfs_jobs.runs.runner import run_stage
from hdfs_jobs.runs.stage import Stage
from nsynth_batch.models.engine import GPU
from nsynth_batch.settings import Settings

TIME_LIMITS = {"audio": 1800.0, "encodings": 1800.0, "mashups": 300.0, "clips": 900.0}
"""Seconds an item may take; decoding starts anew with each sign of progress."""


@dataclass(frozen=True)
class Work:
    """A stage, planned.

    Attributes
    ----------
    dataset, stage, upstream
        What is written, what does it, and what is read.
    new
        Shards that the plan was grown by.
    require
        What a worker has to run with.
    notes
        Lines that a person should read.
    """

    dataset: Dataset
    stage: Stage
    upstream: Dataset | None
    new: Shards
    require: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def run(
        self,
        settings: Settings,
        cluster: Cluster,
        on_event: Callable[[Event], None],
        stop: threading.Event | None = None,
        check: Callable[[], None] | None = None,
    ) -> Outcome:
        """Do what is left of the stage; the parameters are those of `run_stage`."""
        # What is planned on a GPU has other bytes elsewhere; the rest is for any worker.
        on_gpu = self.dataset.name == "clips" or self.require.get("instruction_set") == GPU
        return run_stage(
            self.dataset,
            self.stage,
            upstream=self.upstream,
            cluster=cluster,
            time_limit=settings.time_limit or TIME_LIMITS[self.dataset.name],
            retries=settings.retries,
            require=self.require,
            prefer={settings.gpu_resource: 1} if on_gpu and settings.gpu_resource else None,
            on_event=on_event,
            stop=stop,
            check=check,
        )
