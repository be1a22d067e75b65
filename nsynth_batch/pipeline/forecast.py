"""What a run will take, before it runs: shards, seconds of audio, wall time, bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.store import MARKER, Store
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.cost import measured_rate
from nsynth_batch.pipeline.harvest import HarvestPreview
from nsynth_batch.pipeline.step import Amount, Expected, Step
from nsynth_batch.pipeline.steps import check_steps, nothing_to_read, plan_step
from nsynth_batch.settings.settings import Settings


@dataclass(frozen=True)
class Forecast:
    """What one step has left to do.

    Attributes
    ----------
    shards
        Shards to commit.
    seconds
        Of audio in them.
    wall_seconds
        How long that takes with the workers there are.
    bytes
        What it adds to the store.
    measured
        Whether the time follows from what this store has measured, or from a rule of thumb.
    room
        What a task takes, of the step that decodes.
    """

    shards: int
    seconds: float
    wall_seconds: float
    bytes: int
    measured: bool
    room: str = ""


def forecast(step: Step, context: Context, expected: Expected, dataset: Dataset | None) -> Forecast:
    """Estimate a step.

    Parameters
    ----------
    step : Step
        What is done.
    context : Context
        With the workers that share the work, and the model.
    expected : Expected
        What there is to do.
    dataset : Dataset or None
        Whose committed shards show how fast it went so far.
    """
    seconds = expected.output.seconds
    measured = None if dataset is None else measured_rate(dataset)
    rate = measured or step.rate(context)
    at_once = max(1, min(context.settings.workers, expected.shards))
    return Forecast(
        shards=expected.shards,
        seconds=seconds,
        wall_seconds=seconds / rate / at_once,
        bytes=int(seconds * step.bytes_a_second(context)),
        measured=measured is not None,
        room=expected.note,
    )


def forecast_run(
    settings: Settings, steps: Sequence[Step], source: HarvestPreview | None = None
) -> dict[str, Forecast]:
    """Forecast some steps of a run, without doing any of it.

    Parameters
    ----------
    settings : Settings
        What to do.
    steps : sequence of Step
        In order.
    source : HarvestPreview, optional
        What a source that is harvested first would add.

    Returns
    -------
    dict of str to Forecast
        By dataset.

    Raises
    ------
    UsageError
        If there is nothing that the first step could work on, no pair can be had, or decoding
        needs more memory than a worker may take.
    """
    store = None
    if source is None or open_storage(settings.store).exists(MARKER):
        store = Store.open(settings.store)
    context = Context(settings, store, dry_run=True)
    check_steps(steps, context, () if source is None else source.categories)
    incoming = Amount() if source is None else Amount(len(source.categories), 0, source.seconds)
    forecasts = {}
    for step in steps:
        planned = plan_step(step, context)
        if planned is None and incoming == Amount():
            raise nothing_to_read(step, context)
        expected = step.expect(context, planned, incoming)
        dataset = None if planned is None else planned.dataset
        forecasts[step.dataset] = forecast(step, context, expected, dataset)
        if expected.shards or planned is None:
            context.incomplete.add(step.dataset)
        incoming = expected.output
    return forecasts
