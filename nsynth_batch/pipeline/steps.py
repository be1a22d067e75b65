"""The steps in order, and what holds for the planning of each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from nsynth_batch.pipeline.audio import AudioStep
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.decode import DecodeStep
from nsynth_batch.pipeline.encode import EncodeStep
from nsynth_batch.pipeline.generate import GenerateStep
from nsynth_batch.pipeline.mash import MashStep
from nsynth_batch.pipeline.retries import with_retries, with_returned
from nsynth_batch.pipeline.step import PlannedStep, Step
from nsynth_batch.stages.withheld import WithheldStage
from nsynth_batch.store.lineage import Lineage, pending_recordings
from nsynth_batch.text import command_line

STEPS: tuple[Step, ...] = (AudioStep(), EncodeStep(), MashStep(), DecodeStep())
"""What `run` does, in order."""

ALL: tuple[Step, ...] = (*STEPS, GenerateStep())
"""Every step that writes a dataset of a store."""


def step_named(name: str) -> Step:
    """Return the step that a command does, or that writes a dataset for the steps after it."""
    return next(step for step in ALL if name in (step.command, step.dataset))


def dataset_names() -> tuple[str, ...]:
    """Return the names of the datasets, in the order in which they follow from each other."""
    return tuple(dict.fromkeys(step.dataset for step in ALL))


def step_of(dataset: Dataset) -> Step:
    """Return the step that a dataset was made by.

    Raises
    ------
    UsageError
        If no step of this release makes such a dataset.
    """
    names = frozenset(dataset_names())
    for step in ALL:
        if step.made(dataset, names):
            return step
    raise UsageError(
        f"{dataset.path}: no step of this release makes such a dataset; use the release that "
        "made it"
    )


def lineage_of(dataset: Dataset) -> Lineage:
    """Return the rule by which the rows of a dataset are derived from recordings."""
    return step_of(dataset).lineage_of(dataset)


def producers(store: Store, name: str) -> dict[str, Dataset]:
    """Return the current datasets of a name by who made each.

    That is a command, or the producer's own name where several share the dataset.
    """
    return {
        dataset.producer or step_of(dataset).command: dataset for dataset in store.current(name)
    }


def current_datasets(store: Store) -> dict[str, dict[str, Dataset]]:
    """Return the current datasets of every name, by who made each; see `producers`."""
    return {name: producers(store, name) for name in dataset_names()}


def label_of(name: str, producer: str, makers: Collection[str]) -> str:
    """Return what a dataset is called where those of all its producers are listed."""
    return name if len(makers) == 1 else f"{name} of {producer}"


def producer_of(store: Store, name: str, maker: str) -> str:
    """Return the producer of the datasets of a name that were made by a command or producer.

    Raises
    ------
    UsageError
        If none of the current ones was.
    """
    found = producers(store, name)
    if maker not in found:
        there = ", ".join(found) or "nothing"
        raise UsageError(f"{store.url} has no {name} of {maker}; there is {there}")
    return found[maker].producer


def plan_step(step: Step, context: Context) -> PlannedStep | None:
    """Plan a step, what is in quarantine too if the settings ask for it.

    Returns
    -------
    PlannedStep or None
        None if what it reads is not there yet.

    Raises
    ------
    UsageError
        If the settings, or what is there, do not allow it.
    """
    planned = step.plan(context)
    if planned is None:
        return None
    planned = with_returned(planned, context)
    if (reason := context.settings.retry_failed) is not None:
        planned = with_retries(planned, context, reason)
    return _without_withheld(planned, context)


def require_plan(step: Step, context: Context) -> PlannedStep:
    """Plan a step that has something to work on.

    Raises
    ------
    UsageError
        If what it reads is not there yet, or as `plan_step`.
    """
    planned = plan_step(step, context)
    if planned is None:
        raise nothing_to_read(step, context)
    return planned


def nothing_to_read(step: Step, context: Context) -> UsageError:
    """Return the error of a step that was asked for before those that it depends on."""
    url = context.settings.store
    for name in step.reads:
        if context.current(name) is None:
            return UsageError(
                f"{url} has no {name} yet: run {command_line(step_named(name).command, url)} "
                f"first, or {command_line('run', url)} for all steps"
            )
    harvest = command_line("harvest SOURCE", url)
    return UsageError(f"{url} has no recordings yet: run {harvest} first")


def check_steps(
    steps: Sequence[Step], context: Context, offered: Sequence[Sequence[str]] = ()
) -> None:
    """Raise UsageError if a later step cannot be done, before the first one begins.

    Parameters
    ----------
    steps : sequence of Step
        Of one run, in order.
    context : Context
        What they may ask.
    offered : sequence of sequences of str
        The categories of each recording that is yet to be harvested.
    """
    for step in steps[1:]:
        step.check(context, offered)


def _without_withheld(planned: PlannedStep, context: Context) -> PlannedStep:
    """Keep a planned step from the recordings that may not be used any more."""
    step, withheld = planned.step, context.withheld(allow_unknown=planned.allow_unknown)
    if withheld:
        # They go over the network with every shard: only those that it may meet.
        met = pending_recordings(planned.dataset, planned.upstream, step.source)
        withheld = {file_id: withheld[file_id] for file_id in met if file_id in withheld}
    if not withheld:
        return planned
    stage = WithheldStage(planned.stage, withheld, step.source, step.row_names)
    return replace(planned, stage=stage)
