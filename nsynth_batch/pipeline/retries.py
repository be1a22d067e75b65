"""What is in quarantine, planned once more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.retry import Retries, find_retries
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.sharding import per_shard
from nsynth_batch.pipeline.step import PlannedStep, Step
from nsynth_batch.store.lineage import ItemKey

MOST_RETRIES = 8
"""The most retried items a shard holds: one that ends its process delays few others."""


def with_retries(planned: PlannedStep, context: Context, reason: str) -> PlannedStep:
    """Plan what is in quarantine once more, one item a shard where there are few.

    Parameters
    ----------
    planned : PlannedStep
        The step, planned without it.
    context : Context
        What it may ask.
    reason : str
        Entries of this reason, or ``all``.
    """
    found = retried(planned.step, planned.dataset, reason, context.recordings)
    size = per_shard(len(found.items), MOST_RETRIES)
    again = planned.dataset.plan(found.items, size, again=True, dry_run=context.dry_run)
    notes = list(planned.notes)
    if found.items:
        notes.append(f"{len(found.items)} quarantined {planned.step.unit} are tried again")
    elif found.others:
        others = ", ".join(f"{n} {name}" for name, n in sorted(found.others.items()))
        notes.append(f"nothing is in quarantine for {reason}; there is {others}")
    if found.stuck:
        notes.append(
            f"{found.stuck} quarantined rows do not name what they were made from, and stay"
        )
    return replace(planned, new=planned.new + again, notes=tuple(notes))


def retried(
    step: Step, dataset: Dataset, reason: str, recordings: Mapping[str, Recording]
) -> Retries:
    """Find what is in quarantine and worth trying again.

    Recordings are looked for where the catalog has them now; those that were deleted from it are
    left out.

    Parameters
    ----------
    step : Step
        What is planned.
    dataset : Dataset
        Whose quarantine.
    reason : str
        Entries of this reason, or ``all``.
    recordings : mapping of str to Recording
        The catalog by file id.
    """
    found = find_retries(dataset, None if reason == "all" else reason)
    if not isinstance(step.source, ItemKey):
        return found
    current = ((item, recordings.get(item.key)) for item in found.items)
    items = tuple(
        replace(item, url=recording.raw_url)
        for item, recording in current
        if recording is not None and not recording.deleted
    )
    return replace(found, items=items)
