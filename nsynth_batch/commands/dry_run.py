"""What `--dry-run` prints: a run that is planned, and not done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from nsynth_batch.text import size, table
from sequencer.text import clock, counted

if TYPE_CHECKING:
    from nsynth_batch.pipeline.harvest import HarvestPreview
    from nsynth_batch.pipeline.step import Step
    from nsynth_batch.reporting.startup import Startup
    from nsynth_batch.settings.settings import Settings


def show_plan(settings: Settings, steps: Sequence[Step], source: str | None = None) -> None:
    """Print what a run would do."""
    from nsynth_batch.pipeline.forecast import forecast_run

    preview = None if source is None else show_harvest(settings, source)
    rows = [["stage", "shards", "audio", "time", "bytes"]]
    forecasts = forecast_run(settings, steps, preview)
    for name, one in forecasts.items():
        rows.append(
            [name, str(one.shards), clock(one.seconds), clock(one.wall_seconds), size(one.bytes)]
        )
    wall_seconds = sum(one.wall_seconds for one in forecasts.values())
    startup = _startup(settings) if any(one.shards for one in forecasts.values()) else None
    if startup is not None:
        rows.append(["start-up", "", "", clock(startup.seconds), ""])
        wall_seconds += startup.seconds
    rows.append(
        ["in all", "", "", clock(wall_seconds), size(sum(o.bytes for o in forecasts.values()))]
    )
    typer.echo(table(rows))
    for name, one in forecasts.items():
        if one.room:
            typer.echo(f"{name}: {one.room}")
    if startup is not None:
        typer.echo(f"start-up (workers, imports, models) is what run {startup.run} took for it")
    elif any(one.shards for one in forecasts.values()):
        typer.echo("start-up (workers, imports, models) comes on top: no run here measured it yet")
    guessed = [name for name, one in forecasts.items() if one.shards and not one.measured]
    if guessed:
        typer.echo(f"times of {', '.join(guessed)} are a rule of thumb: nothing was measured yet")


def _startup(settings: Settings) -> Startup | None:
    from hdfs_jobs.datasets.store import MARKER
    from hdfs_jobs.storage.open import open_storage
    from nsynth_batch.reporting.startup import measured_startup

    storage = open_storage(settings.store)
    if not storage.exists(MARKER):
        return None
    return measured_startup(storage, scheduler=settings.scheduler is not None)


def show_harvest(settings: Settings, source: str) -> HarvestPreview:
    """Print what a harvest would find, and return it."""
    from nsynth_batch.pipeline.harvest import preview_harvest

    preview = preview_harvest(settings, source)
    found, rate = preview.counts, settings.harvest_megabits
    if preview.on_the_web:
        typer.echo(
            f"harvest: {counted(found.found, 'recording')}, {found.added} to fetch "
            f"({size(found.bytes)}, {clock(preview.seconds)} of audio) in "
            f"{clock(found.bytes * 8 / (rate * 1e6))} at {rate:g} Mbit/s, "
            f"{counted(found.other_files, 'other file')}"
        )
    else:
        typer.echo(
            f"harvest: {counted(found.found, 'recording')}, {found.added} new "
            f"({size(found.bytes)}, {clock(preview.seconds)} of audio by their headers), "
            f"{counted(found.other_files, 'other file')}, {found.without_rights} without a licence"
        )
    for note in preview.notes:
        typer.echo(str(note))
    return preview
