"""Plans of single steps, as tests want them."""

from __future__ import annotations

from typing import Any

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.cluster import Cluster
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.step import PlannedStep
from nsynth_batch.pipeline.steps import require_plan, step_named
from nsynth_batch.settings.settings import Settings, load_settings


def plan(settings: Settings, store: Store, name: str, *, dry_run: bool = False) -> PlannedStep:
    """Plan the step that writes a dataset, in a run of its own."""
    return require_plan(step_named(name), Context(settings, store, dry_run=dry_run))


def run(store: Store, given: dict[str, Any], cluster: Cluster, *names: str) -> None:
    """Do some steps, by the names of their datasets."""
    settings = load_settings(given)
    context = Context(settings, store)
    for name in names:
        require_plan(step_named(name), context).run(settings, cluster, lambda _: None)
