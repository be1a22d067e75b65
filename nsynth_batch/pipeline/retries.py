"""What is in quarantine, planned once more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.datasets.retry import Retries, find_retries, open_entries
from hdfs_jobs.errors import MISSING, UNREADABLE
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_source
from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.catalog.content import content_sha1
from nsynth_batch.catalog.withheld import DELETED, FORGOTTEN
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.sharding import per_shard
from nsynth_batch.pipeline.step import PlannedStep, Step
from nsynth_batch.stages.audio import CHANGED
from nsynth_batch.store.lineage import ItemKey
from sequencer.text import counted

RETURNING = (MISSING, UNREADABLE, CHANGED, DELETED, FORGOTTEN)
"""Reasons that pass when the recording comes back."""

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
        notes.append(f"quarantined {planned.step.unit} tried again: {len(found.items)}")
    elif found.others:
        others = ", ".join(f"{n} {name}" for name, n in sorted(found.others.items()))
        notes.append(f"nothing is in quarantine for {reason}; there is {others}")
    if found.stuck:
        notes.append(
            f"left in quarantine, with no name of what it was made from: "
            f"{counted(found.stuck, 'row')}"
        )
    return replace(planned, new=planned.new + again, notes=tuple(notes))


def with_returned(planned: PlannedStep, context: Context) -> PlannedStep:
    """Plan once more what was quarantined because it was not there, and is there again.

    Parameters
    ----------
    planned : PlannedStep
        The step, planned without it.
    context : Context
        What it may ask.
    """
    if not isinstance(planned.step.source, ItemKey):
        return planned
    entries = (entry for _, entry in open_entries(planned.dataset))
    reasons = {entry.key: entry.reason for entry in entries if entry.reason in RETURNING}
    if not reasons:
        return planned
    found = find_retries(planned.dataset, RETURNING)
    items = [
        item
        for item in _current(found.items, context.recordings)
        if _is_back(context.store.storage, item, reasons[item.key])
    ]
    if not items:
        return planned
    size = per_shard(len(items), MOST_RETRIES)
    again = planned.dataset.plan(items, size, again=True, dry_run=context.dry_run)
    note = f"{len(items)} quarantined {planned.step.unit} are back and tried again"
    return replace(planned, new=planned.new + again, notes=(*planned.notes, note))


def _is_back(storage: Storage, item: Item, reason: str) -> bool:
    """Whether a recording can be read again, as what it was."""
    if item.url is None:
        return False
    try:
        with open_source(storage, item.url) as stream:
            return reason != CHANGED or content_sha1(stream) == item.key
    except OSError:
        return False


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
    return replace(found, items=tuple(_current(found.items, recordings)))


def _current(items: Iterable[Item], recordings: Mapping[str, Recording]) -> Iterator[Item]:
    """Yield the items whose recordings are in use, where the catalog has them now."""
    for item in items:
        recording = recordings.get(item.key)
        if recording is not None and not recording.deleted:
            yield replace(item, url=recording.raw_url)
