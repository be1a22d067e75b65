"""Plans of single steps, as tests want them."""

from __future__ import annotations

from hdfs_jobs.datasets.store import Store
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.step import PlannedStep
from nsynth_batch.pipeline.steps import require_plan, step_named
from nsynth_batch.settings.settings import Settings


def plan(settings: Settings, store: Store, name: str, *, dry_run: bool = False) -> PlannedStep:
    """Plan the step that writes a dataset, in a run of its own."""
    return require_plan(step_named(name), Context(settings, store, dry_run=dry_run))
