"""A run: a harvest if there is a source, then the steps in order, on one store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from nsynth_batch.errors import QUARANTINE, CommandError
from nsynth_batch.pipeline.audio import AudioStep, segment_samples
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.harvest import harvest_source, problems_of
from nsynth_batch.pipeline.run_report import Problem, RunReport, ended
from nsynth_batch.pipeline.session import Session, open_session
from nsynth_batch.pipeline.step import PlannedStep, Step
from nsynth_batch.pipeline.steps import STEPS, check_steps, require_plan
from nsynth_batch.reporting.events import Note, RecordingsTooShort
from nsynth_batch.text import command_line

if TYPE_CHECKING:
    from hdfs_jobs.datasets.dataset import Dataset
    from hdfs_jobs.runs.cluster import Cluster
    from hdfs_jobs.runs.events import StageOutcome
    from nsynth_batch.pipeline.model import RunModel
    from nsynth_batch.pipeline.signals import Drain
    from nsynth_batch.reporting.report import Listener
    from nsynth_batch.settings.settings import Settings
    from nsynth_batch.sources.counts import Harvest


def run(
    settings: Settings,
    steps: Sequence[Step] = STEPS,
    source: str | None = None,
    *,
    on_event: Listener | None = None,
    drain: Drain | None = None,
) -> RunReport:
    """Harvest a source, if there is one, and do some steps in order.

    What is committed already is skipped, so the same call takes up where an earlier one ended.

    Parameters
    ----------
    settings : Settings
        What to do, and where.
    steps : sequence of Step
        Those of `nsynth_batch.pipeline.steps.STEPS` by default.
    source : str, optional
        What to harvest first: a folder, ``commons:…`` or ``urls:PATH``.
    on_event : callable, optional
        Gets every event: see `nsynth_batch.reporting.events`.
    drain : Drain, optional
        Asks the run to stop; `nsynth_batch.pipeline.signals.draining` makes one of signals.

    Returns
    -------
    RunReport
        What was done. More in quarantine than the settings allow is a problem there, no error.

    Raises
    ------
    UsageError
        If the settings do not fit the store, or there is nothing to work on.
    InfrastructureError
        If shards are left undone; the same call goes on.
    CommandError
        If another run holds the store, or metrics cannot be served.
    """
    import pyarrow as pa

    from nsynth_batch.pipeline.model import RunModel

    # Arrow's own allocator keeps what it once had: a catalog of a million recordings took 400 MB
    # more than with the system's.
    pa.set_memory_pool(pa.system_memory_pool())
    stages = [step.dataset for step in steps]
    with open_session(
        settings, stages=stages, source=source, on_event=on_event, drain=drain
    ) as session:
        models = RunModel(settings)
        needed = {step.needs_model for step in steps}
        models.require(needed, segment_samples(settings.segment_seconds, settings.sample_rate))
        if "encoder" in needed and AudioStep.dataset in stages:
            models.require_rate(settings.sample_rate, "segments would be")
        report = _run(settings, steps, source, models, session)
        session.ended = ended(report)
    return report


def _run(
    settings: Settings,
    steps: Sequence[Step],
    source: str | None,
    models: RunModel,
    session: Session,
) -> RunReport:
    from hdfs_jobs.runs.cluster import Certificates, Cluster

    certificates = Certificates(settings.tls_ca, settings.tls_cert, settings.tls_key)
    harvest: Harvest | None = None
    problems: list[Problem] = []
    if source is not None:
        # A harvest may take a night: a scheduler that is not there is found before it.
        Cluster(settings.scheduler, settings.workers, certificates=certificates).find()
        harvest = harvest_source(settings, source, session)
        if harvest.drained:
            return RunReport(harvest, drain_code=session.drain.exit_code)
        problems += problems_of(settings, harvest)
    store = session.writer.open(create=any(step.begins_stores for step in steps))
    context = Context(settings, store, models=models)
    check_steps(steps, context)
    outcomes: list[StageOutcome] = []
    excesses: list[Problem] = []
    with Cluster(settings.scheduler, settings.workers, certificates=certificates) as cluster:
        session.slots = partial(_threads, cluster)
        for step in steps:
            session.writer.check()
            planned = _plan(step, context, excesses)
            for note in planned.notes:
                session.emit(Note(note, step.dataset))
            if planned.short_recordings:
                session.emit(RecordingsTooShort(step.dataset, planned.short_recordings))
            check, stop = session.writer.check, session.drain.asked
            outcomes.append(planned.run(settings, cluster, session.emit, stop, check))
            if outcomes[-1].drained:
                code = session.drain.exit_code
                return RunReport(harvest, tuple(outcomes), (*problems, *excesses), code)
            excesses += excess(step, planned.dataset, settings)
    return RunReport(harvest, tuple(outcomes), (*problems, *excesses))


def _plan(step: Step, context: Context, excesses: Sequence[Problem]) -> PlannedStep:
    """Plan a step; where there is nothing to work on because of the quarantine, name that first."""
    from hdfs_jobs.errors import UsageError

    try:
        return require_plan(step, context)
    except UsageError as error:
        if not excesses:
            raise
        message = f"{excesses[0].message}; then: {error}"
        raise CommandError(message, excesses[0].exit_code) from error


def _threads(cluster: Cluster) -> int:
    """Return how many shards the workers of a cluster do at once; 0 before it is started."""
    if not cluster.started:
        return 0
    workers = cluster.client().scheduler_info(n_workers=-1)["workers"].values()
    return sum(worker["nthreads"] for worker in workers)


def excess(step: Step, dataset: Dataset, settings: Settings) -> Iterator[Problem]:
    """Yield a problem, if more of a dataset's input was quarantined than the settings allow."""
    totals = dataset.totals()
    whole = step.inputs(totals.items, totals.rows, totals.quarantined)
    if totals.quarantined <= settings.max_bad_fraction * whole:
        return
    status = command_line("status --quarantine", settings.store)
    yield Problem(
        f"{totals.quarantined} of {whole} in {dataset.name} were quarantined, more than "
        f"--max-bad-fraction {settings.max_bad_fraction:g} allows: {status} lists them; "
        "--retry-failed tries them again, once that is worth it",
        QUARANTINE,
    )
