"""What a run has done so far, as the figures that Prometheus asks for while it works."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from hdfs_jobs.runs.events import (
    ShardCommitted,
    ShardFailed,
    ShardRetried,
    StageFinished,
    StageStarted,
)
from nsynth_batch.reporting.events import HarvestProgressed, LeaseGivenBack, LeaseTaken, RunEvent
from nsynth_batch.reporting.report import Speed

NAMESPACE = "nsynth_batch"
HARVEST = "harvest"
"""What the stage before all datasets is called in labels."""

STAGE = ("stage",)

InputsOf = Callable[[int, int, int], int]
"""Returns how many inputs some items, rows and quarantined rows stand for."""


class ProcessMetrics:
    """Figures that every command has which serves some; all begin at 0 with it.

    Parameters
    ----------
    stop : threading.Event
        Set once the command was asked to drain.

    Attributes
    ----------
    registry : CollectorRegistry
        What is served: these figures and those of this process.
    """

    def __init__(self, stop: threading.Event) -> None:
        # Drop each counter's `_created` series: the start has the same time.
        disable_created_metrics()
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.counter: Callable[..., Counter] = self.own(Counter)
        self.gauge: Callable[..., Gauge] = self.own(Gauge)
        self.own(Info)("build", "This release.").info({"version": version("nsynth-batch")})
        self.gauge(
            "run_start_timestamp_seconds", "When this run began, in Unix time."
        ).set_to_current_time()
        self.last_progress = self.gauge(
            "last_progress_timestamp_seconds",
            "When this run last got on, in Unix time: a stage or shard, bytes of a harvest, or "
            "steps of a training.",
        )
        self.last_progress.set_to_current_time()
        self.gauge("draining", "Whether this run was asked to stop, 0 or 1.").set_function(
            stop.is_set
        )

    def own(self, kind: Callable[..., Any]) -> Callable[..., Any]:
        """Return what makes figures of a kind, in the registry and under the program's name."""
        return partial(kind, namespace=NAMESPACE, registry=self.registry)


class Metrics(ProcessMetrics):
    """A listener that keeps the figures of one run.

    The label ``stage`` is the dataset that a stage writes, or ``harvest``; ``reason`` is the slug
    that the quarantine counts by. Both are words of the program, never of its input, so that there
    are few series however much is worked on.

    Parameters
    ----------
    max_bad_fraction : float
        The fraction of quarantined inputs that the run allows, for alerts.
    stop : threading.Event
        Set once the run was asked to drain.
    inputs : mapping of str to callable
        How each dataset counts its inputs.
    """

    def __init__(
        self, max_bad_fraction: float, stop: threading.Event, inputs: Mapping[str, InputsOf]
    ) -> None:
        super().__init__(stop)
        counter, gauge = self.counter, self.gauge
        gauge("quarantine_limit_ratio", "The part of its input that this run may quarantine.").set(
            max_bad_fraction
        )
        self._lease = gauge("lease_held", "Whether this run may write to its store, 0 or 1.")

        self._active = gauge("stage_active", "Whether a stage is at work, 0 or 1.", STAGE)
        self._shards = gauge("shards", "Shards in a stage's plan, of earlier runs too.", STAGE)
        self._left = gauge("shards_left", "Shards of the plan that are not committed yet.", STAGE)
        self._speed = gauge(
            "stage_speed_ratio",
            "Seconds of audio that a stage committed a second of its own wall time.",
            STAGE,
        )
        self._committed = counter("shards_committed", "Shards committed by this run.", STAGE)
        self._failed_attempts = counter(
            "shard_attempts_failed", "Attempts at a shard that failed.", STAGE
        )
        self._failed = counter("shards_failed", "Shards left to the next run.", STAGE)
        self._inputs = counter(
            "inputs",
            "What the bad fraction counts: recordings in harvest and audio, rows and what was "
            "quarantined of them elsewhere.",
            STAGE,
        )
        self._quarantined = counter(
            "quarantined", "Recordings or rows quarantined.", ("stage", "reason")
        )
        self._rows = counter("rows", "Rows committed.", STAGE)
        self._audio = counter("audio_seconds", "Seconds of audio in the rows committed.", STAGE)
        self._work = counter(
            "work_seconds", "Seconds that workers took for the shards committed.", STAGE
        )
        self._bytes = counter("output_bytes", "Bytes of the shards committed.", STAGE)

        self._found = counter("harvest_recordings", "Recordings that a harvest looked at.")
        self._added = counter("harvest_added_recordings", "Those that were new to the store.")
        self._received_bytes = counter(
            "harvest_received_bytes", "Bytes copied, or fetched from the web."
        )
        self._paced = counter(
            "harvest_paced_seconds", "Seconds that streams waited so as to keep to the rate."
        )
        self._busy = counter("harvest_busy_answers", "Answers by which servers asked to try later.")
        self._inputs_of = inputs
        self._speeds: dict[str, Speed] = {}
        self._harvest = HarvestProgressed(0, 0, 0, 0, 0.0, 0, {}, ended=False)
        for stage in (HARVEST, *inputs):
            self._active.labels(stage)

    def __call__(self, event: RunEvent) -> None:
        """Take an event of the run."""
        if isinstance(event, StageStarted):
            self._start(event)
        elif isinstance(event, ShardCommitted):
            self._commit(event)
        elif isinstance(event, ShardRetried):
            self._failed_attempts.labels(event.name).inc()
        elif isinstance(event, ShardFailed):
            self._failed_attempts.labels(event.name).inc()
            self._failed.labels(event.name).inc()
        elif isinstance(event, StageFinished):
            self._finish(event)
        elif isinstance(event, HarvestProgressed):
            self._go_on_harvesting(event)
        elif isinstance(event, LeaseTaken):
            self._lease.set(1)
        elif isinstance(event, LeaseGivenBack):
            self._lease.set(0)

    def _start(self, event: StageStarted) -> None:
        stage = event.name
        self.last_progress.set_to_current_time()
        self._active.labels(stage).set(1)
        self._shards.labels(stage).set(event.shards)
        self._left.labels(stage).set(event.pending)
        speed = self._speeds[stage] = Speed(event.pending)
        self._speed.labels(stage).set_function(lambda: speed.rate)
        for counter in (
            *(self._committed, self._failed_attempts, self._failed),
            *(self._inputs, self._rows, self._audio, self._work, self._bytes),
        ):
            # A rate needs the 0 that a counter begins with.
            counter.labels(stage)

    def _commit(self, event: ShardCommitted) -> None:
        stage, done, speed = event.name, event.summary, self._speeds[event.name]
        self.last_progress.set_to_current_time()
        speed.add(event)
        self._left.labels(stage).set(speed.pending - speed.done)
        self._committed.labels(stage).inc()
        inputs = self._inputs_of[stage](done.items, done.rows, done.quarantined)
        self._inputs.labels(stage).inc(inputs)
        for reason, lost in event.reasons.items():
            self._quarantined.labels(stage, reason).inc(lost)
        self._rows.labels(stage).inc(done.rows)
        self._audio.labels(stage).inc(done.seconds)
        self._work.labels(stage).inc(done.wall_seconds)
        self._bytes.labels(stage).inc(done.bytes)

    def _finish(self, event: StageFinished) -> None:
        stage, outcome = event.outcome.name, event.outcome
        self.last_progress.set_to_current_time()
        self._active.labels(stage).set(0)
        rate = outcome.seconds / max(outcome.wall_seconds, 1e-9)
        self._speed.labels(stage).set_function(lambda: rate)

    def _go_on_harvesting(self, event: HarvestProgressed) -> None:
        before, self._harvest = self._harvest, event
        if (event.found, event.received_bytes, event.ended) != (
            before.found,
            before.received_bytes,
            before.ended,
        ):
            self.last_progress.set_to_current_time()
        self._active.labels(HARVEST).set(not event.ended)
        self._inputs.labels(HARVEST).inc(event.offered - before.offered)
        for reason, count in event.quarantined.items():
            new = count - before.quarantined.get(reason, 0)
            self._quarantined.labels(HARVEST, reason).inc(new)
        self._found.inc(event.found - before.found)
        self._added.inc(event.added - before.added)
        self._received_bytes.inc(event.received_bytes - before.received_bytes)
        self._paced.inc(event.paced_seconds - before.paced_seconds)
        self._busy.inc(event.busy_answers - before.busy_answers)
