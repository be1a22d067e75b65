"""A step of the pipeline: all that is known of it, in one object; and a step that is planned."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Shards
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.code import Code
from hdfs_jobs.runs.events import Event, StageOutcome
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.runner import run_stage
from hdfs_jobs.runs.stage import Stage
from nsynth_batch.models.engine import GPU
from nsynth_batch.settings.settings import Settings
from nsynth_batch.stages.withheld import RowNames
from nsynth_batch.store.lineage import Lineage, Source

if TYPE_CHECKING:
    from nsynth_batch.pipeline.context import Context

CODE = Code(("nsynth_batch", "hdfs_jobs", "sequencer"), "nsynth-batch")
"""What workers must run as the command does."""


@dataclass(frozen=True)
class Amount:
    """How much work there is.

    Attributes
    ----------
    recordings
        How many, where rows are cut from recordings.
    rows
        Of the dataset.
    seconds
        Of audio in them.
    """

    recordings: int = 0
    rows: int = 0
    seconds: float = 0.0

    def __add__(self, other: Amount) -> Amount:
        """Return both amounts together."""
        return Amount(
            self.recordings + other.recordings,
            self.rows + other.rows,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True)
class Expected:
    """What a step has left to do once the steps before it are done.

    Attributes
    ----------
    shards
        To be committed.
    output
        What they add to the dataset.
    note
        What one task takes; empty where nothing has to be known of it.
    """

    shards: int
    output: Amount
    note: str = ""


class Step(ABC):
    """What a run is for: a dataset, what it is made from and what that takes.

    Attributes
    ----------
    dataset
        The dataset that it writes.
    command
        The command that makes it.
    reads
        Datasets that it reads, by name; their digests are settings of its own.
    needs_model
        Which part of the model it runs, if any.
    unit
        What one item is, in the plural, for messages.
    time_limit
        Seconds an item may take; a sign of progress starts them anew.
    counts
        What the bad fraction counts: items, if all or nothing of one is quarantined, else rows.
    prefers_gpu
        Whether workers with a GPU do it, where there are any.
    begins_stores
        Whether it reads nothing, so that a store may begin with it.
    source
        Where the recordings stand in what it reads.
    lineage
        Where the recordings stand behind what it has written.
    row_names
        Names what it makes of each row that it reads, where rows are worked on one by one.
    """

    dataset: ClassVar[str]
    command: ClassVar[str]
    reads: ClassVar[tuple[str, ...]] = ()
    needs_model: ClassVar[Literal["encoder", "decoder"] | None] = None
    unit: ClassVar[str]
    time_limit: ClassVar[float]
    counts: ClassVar[Literal["items", "rows"]] = "rows"
    prefers_gpu: ClassVar[bool] = False
    begins_stores: ClassVar[bool] = False
    source: ClassVar[Source]
    lineage: ClassVar[Lineage]
    row_names: ClassVar[RowNames | None] = None

    @abstractmethod
    def plan(self, context: Context) -> PlannedStep | None:
        """Plan what is left to do.

        Returns
        -------
        PlannedStep or None
            None if what it reads is not there yet.

        Raises
        ------
        UsageError
            If the settings, or what is there, do not allow it.
        """

    @abstractmethod
    def expect(self, context: Context, planned: PlannedStep | None, incoming: Amount) -> Expected:
        """Return what there is to do after the steps before it, for a dry run.

        Parameters
        ----------
        context : Context
            What it may ask.
        planned : PlannedStep or None
            Its plan over what is there now.
        incoming : Amount
            What the steps before it are still to add to what it reads.
        """

    @abstractmethod
    def rate(self, context: Context) -> float:
        """Return the audio-seconds a second that a worker makes, by rule of thumb."""

    @abstractmethod
    def bytes_a_second(self, context: Context) -> float:
        """Return the bytes that a second of audio takes in the dataset, about."""

    def check(self, context: Context, offered: Sequence[Sequence[str]] = ()) -> None:
        """Raise UsageError if it is certain already that the step cannot be done.

        Parameters
        ----------
        context : Context
            What it may ask.
        offered : sequence of sequences of str
            The categories of each recording that is yet to be harvested.
        """
        return

    def inputs(self, items: int, rows: int, quarantined: int) -> int:
        """Return how many inputs a quarantine is a part of, in what `counts` names."""
        return items if self.counts == "items" else rows + quarantined

    def lineage_of(self, dataset: Dataset) -> Lineage:
        """Return where the recordings stand behind the rows of a dataset of this step's."""
        return self.lineage

    def made(self, dataset: Dataset, datasets: frozenset[str]) -> bool:
        """Whether a dataset is one of this step's.

        Parameters
        ----------
        dataset : Dataset
            Of any step.
        datasets : frozenset of str
            The names of all datasets: those among the settings are what it was made from.
        """
        return self.dataset == dataset.name and datasets.intersection(dataset.settings) == set(
            self.reads
        )


@dataclass(frozen=True)
class PlannedStep:
    """A step, planned.

    Attributes
    ----------
    step
        What was planned.
    dataset, stage, upstream
        What is written, what does it, and what is read.
    new
        Shards that the plan was grown by.
    require
        What a worker has to run with.
    notes
        Lines that a person should read.
    short_recordings
        Titles of recordings that are left out, since each is too short.
    allow_unknown
        Whether recordings of a wiki may be used although their licence is not known.
    """

    step: Step
    dataset: Dataset
    stage: Stage
    upstream: Dataset | None
    new: Shards
    require: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    short_recordings: tuple[str, ...] = ()
    allow_unknown: bool = True

    def run(
        self,
        settings: Settings,
        cluster: Cluster,
        on_event: Callable[[Event], None],
        stop: threading.Event | None = None,
        check: Callable[[], None] | None = None,
    ) -> StageOutcome:
        """Do what is left of the step; the parameters are those of `run_stage`."""
        # What is planned on a GPU has other bytes elsewhere; the rest is for any worker.
        on_gpu = self.step.prefers_gpu or self.require.get("instruction_set") == GPU
        return run_stage(
            self.dataset,
            self.stage,
            upstream=self.upstream,
            cluster=cluster,
            options=RunOptions(
                time_limit=settings.time_limit or self.step.time_limit,
                retries=settings.retries,
                require=self.require,
                prefer={settings.gpu_resource: 1} if on_gpu and settings.gpu_resource else {},
                code=CODE,
            ),
            on_event=on_event,
            stop=stop,
            check=check,
        )


def left_of(planned: PlannedStep | None) -> tuple[Shards, Shards]:
    """Return the shards that a dry plan has found uncommitted, and those that it would add."""
    if planned is None:
        nothing = Shards(0, lambda: iter(()))
        return nothing, nothing
    return planned.dataset.pending(), planned.new


def seconds_a_row(planned: PlannedStep | None) -> float:
    """Return the mean seconds of a row that a planned step reads; 0 where there is none."""
    if planned is None or planned.upstream is None:
        return 0.0
    totals = planned.upstream.totals()
    return totals.seconds / max(1, totals.rows)
