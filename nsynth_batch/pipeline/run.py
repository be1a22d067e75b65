"""What the commands of the stages do: plan, run, report, and find the exit code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from nsynth_batch.errors import OK, QUARANTINE, CommandError
from nsynth_batch.pipeline.harvest import harvest_source, show_harvest, verdict
from nsynth_batch.pipeline.signals import Drain, draining
from nsynth_batch.store.layout import judged
from nsynth_batch.text import size, table
from sequencer.text import clock

if TYPE_CHECKING:
    from hdfs_jobs.datasets.dataset import Dataset
    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.pipeline.session import Writer
    from nsynth_batch.reporting.run_log import LoggedReport
    from nsynth_batch.settings import Settings


@dataclass(frozen=True)
class Run:
    """What a command that writes to a store works with.

    Attributes
    ----------
    drain
        Set once it is asked to stop.
    progress
        Told how far it is; the log of the store has a copy.
    writer
        The store.
    """

    drain: Drain
    progress: LoggedReport
    writer: Writer


@contextmanager
def begun(settings: Settings, stages: Sequence[str], source: str | None) -> Iterator[Run]:
    """Begin a run: its signals, report, metrics, log and store, to the end of the block.

    Parameters
    ----------
    settings : Settings
        What to do.
    stages : sequence of str
        Datasets to complete, for the log.
    source : str or None
        What is harvested first, for the log.
    """
    from nsynth_batch.pipeline.session import Writer
    from nsynth_batch.reporting.metrics_server import metered
    from nsynth_batch.reporting.run_log import LoggedReport
    from nsynth_batch.reporting.terminal import report

    with ExitStack() as stack:
        drain = stack.enter_context(draining())
        told_of = settings.model_dump(mode="json")
        started = {"stages": list(stages), "source": source, "settings": told_of}
        drawn = report(log_format=settings.log_format)
        told = stack.enter_context(metered(drawn, settings, drain.asked))
        progress = stack.enter_context(LoggedReport(told, started))
        writer = Writer(settings, progress, drain, lambda store: progress.log_to(store.storage))
        yield Run(drain, progress, stack.enter_context(writer))


def run_stages(settings: Settings, stages: Sequence[str], source: str | None = None) -> int:
    """Harvest a source, if there is one, and run some stages in order.

    Parameters
    ----------
    settings : Settings
        What to do.
    stages : sequence of str
        Datasets to complete.
    source : str, optional
        What to harvest first.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    CommandError
        If more was quarantined than the settings allow.
    """
    import pyarrow as pa

    from hdfs_jobs.errors import UsageError
    from hdfs_jobs.runs.cluster import Certificates, Cluster
    from nsynth_batch.pipeline.model import Models
    from nsynth_batch.pipeline.steps import Pipeline, segment_samples

    # Arrow's own allocator keeps what it once had: a catalog of a million recordings took 400 MB
    # more than with the system's.
    pa.set_memory_pool(pa.system_memory_pool())
    models = Models(settings)
    models.require(stages, segment_samples(settings.segment_seconds))
    with ExitStack() as stack:
        run = stack.enter_context(begun(settings, stages, source))
        drain, progress, writer = run.drain, run.progress, run.writer
        problem = None
        if source is not None:
            done = harvest_source(settings, source, writer, progress, drain)
            if done.drained:
                return drain.exit_code
            problem = verdict(settings, done)
        store = writer.open()
        certificates = Certificates(settings.tls_ca, settings.tls_cert, settings.tls_key)
        cluster = stack.enter_context(
            Cluster(settings.scheduler, settings.workers, certificates=certificates)
        )
        pipeline = Pipeline(settings, store, models=models)
        too_many: list[str] = []
        for name in stages:
            writer.check()
            try:
                work = pipeline.plan(name)
            except UsageError as error:
                if too_many:
                    raise CommandError(f"{too_many[0]}; then: {error}", QUARANTINE) from error
                raise
            for note in work.notes:
                progress.say(f"{name}: {note}")
            outcome = work.run(settings, cluster, progress, drain.asked, writer.check)
            if outcome.drained:
                return drain.exit_code
            too_many += excess(work.dataset, settings.max_bad_fraction)
        if problem is not None:
            # What came was worked on; that something is missing is told all the same.
            raise CommandError("; ".join([str(problem), *too_many]), problem.exit_code)
        if too_many:
            raise CommandError("; ".join(too_many), QUARANTINE)
    return OK


def excess(dataset: Dataset, most: float) -> list[str]:
    """Say it, if more of a dataset's input was quarantined than is allowed."""
    totals = dataset.totals()
    whole = judged(dataset.name, totals.items, totals.rows, totals.quarantined)
    if totals.quarantined <= most * whole:
        return []
    return [
        f"{totals.quarantined} of {whole} in {dataset.name} were quarantined, more than "
        f"--max-bad-fraction {most:g} allows: `nsynth-batch status --quarantine` lists them; "
        "--retry-failed tries them again, once that is worth it"
    ]


def show_plan(settings: Settings, stages: Sequence[str], source: str | None = None) -> int:
    """Print what `run_stages` would do, and do nothing."""
    from nsynth_batch.pipeline.forecast import forecast_run

    preview = None
    if source is not None:
        preview = show_harvest(settings, source)
    rows = [["stage", "shards", "audio", "time", "bytes"]]
    forecasts = forecast_run(settings, stages, preview)
    for name, one in forecasts.items():
        rows.append(
            [name, str(one.shards), clock(one.seconds), clock(one.wall_seconds), size(one.bytes)]
        )
    wall_seconds = sum(one.wall_seconds for one in forecasts.values())
    rows.append(
        ["in all", "", "", clock(wall_seconds), size(sum(o.bytes for o in forecasts.values()))]
    )
    typer.echo(table(rows))
    for name, one in forecasts.items():
        if one.room:
            typer.echo(f"{name}: {one.room}")
    guessed = [name for name, one in forecasts.items() if one.shards and not one.measured]
    if guessed:
        typer.echo(f"times of {', '.join(guessed)} are a rule of thumb: nothing was measured yet")
    return OK


def open_store(settings: Settings) -> Store:
    """Open the store that the settings name."""
    from hdfs_jobs.datasets.store import Store

    return Store.open(settings.store)
