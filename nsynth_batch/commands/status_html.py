"""What `status --html` does: look at a store, write its page, and again."""

from __future__ import annotations

import time
from pathlib import Path

import typer

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.lease import current_holder
from hdfs_jobs.runs.log_reader import read_log
from nsynth_batch.pipeline.steps import current_datasets, label_of
from nsynth_batch.reporting.past_runs import past_runs, state_of
from nsynth_batch.reporting.status_page import StageRow, status_page, workers_of
from nsynth_batch.sources.quarantine import HarvestQuarantine
from nsynth_batch.store.status import reasons
from sequencer.files import write_output

_LAST_RUNS = 20


def write_status(url: str, file: Path, every: int | None, *, quiet: bool) -> None:
    """Write the page of a store to a file, whole each time; with `every`, until interrupted."""
    said = quiet
    while True:
        write_output(file, page_of(Store.open(url), every or 0))
        if not said:
            again = "" if every is None else f", and again every {every} s until Ctrl-C"
            typer.echo(f"{file}: written{again}", err=True)
            said = True
        if every is None:
            return
        time.sleep(every)


def page_of(store: Store, refresh: int) -> str:
    """Return the page of a store as it is now."""
    held = current_holder(store.storage)
    holder = None if held is None else held.holder
    runs = past_runs(store.storage, _LAST_RUNS)
    at_work = next((run.id for run in runs if run.committed), None)
    workers = [] if at_work is None else workers_of(read_log(store.storage, at_work))
    return status_page(
        store.url,
        _stages(store),
        [(run, state_of(run, held)) for run in runs],
        workers,
        holder=str(holder or ""),
        refresh=refresh,
    )


def _stages(store: Store) -> list[StageRow]:
    refused = HarvestQuarantine(store.storage).reasons()
    rows = [StageRow("harvest", 0, 0, 0, 0.0, 0.0, refused.total(), 0, refused)]
    for name, makers in current_datasets(store).items():
        for who, dataset in makers.items():
            totals = dataset.totals()
            rows.append(
                StageRow(
                    name=label_of(name, who, makers),
                    shards=totals.shards,
                    committed=totals.committed,
                    rows=totals.rows,
                    seconds=totals.seconds,
                    work_seconds=totals.wall_seconds,
                    quarantined=totals.quarantined,
                    bytes=totals.bytes,
                    reasons=reasons(dataset),
                )
            )
    return rows
