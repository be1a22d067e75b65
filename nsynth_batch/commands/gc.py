"""`gc`: without what killed runs left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import LEASE, STORE, STORES, DryRun, settings_from
from nsynth_batch.errors import OK, USAGE, CommandError
from nsynth_batch.text import size
from sequencer.text import counted

if TYPE_CHECKING:
    from nsynth_batch.settings.settings import Settings

_DAY_HOURS = 24.0


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=STORES)(gc)


@settings_from(*STORE, *LEASE)
def gc(
    settings: Settings,
    older_than: Annotated[
        float,
        typer.Option(metavar="HOURS", help="Leave younger files to runs that may need them."),
    ] = _DAY_HOURS,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="DIGEST", help="Remove this dataset instead: `status --datasets` has digests."
        ),
    ] = None,
    dry_run: DryRun = False,
) -> int:
    """Remove what killed runs left behind.

    These are files that no manifest names. Attempts that may still be at work are left for a day.

    With --dataset a whole dataset goes that is of earlier settings: with its rows, quarantine and
    plan. A current one stays, and one that others were made from.

    Example: nsynth-batch gc --store my-store --dry-run
    """
    from hdfs_jobs.datasets.store import Store
    from hdfs_jobs.runs.gc import collect_garbage
    from hdfs_jobs.runs.gc_dataset import find_dataset, remove_dataset
    from nsynth_batch.pipeline.session import Writer
    from nsynth_batch.reporting.terminal import report
    from nsynth_batch.store.layout import POOLS

    if not older_than >= 0:
        raise CommandError(f"--older-than is {older_than:g}: hours are 0 or more", USAGE)
    with report() as listener, Writer(settings, listener) as writer:
        store = Store.open(settings.store) if dry_run else writer.open()
        if dataset is None:
            garbage = collect_garbage(store, older_than=older_than * 3600, dry_run=dry_run)
        else:
            found = find_dataset(store, dataset)
            pool = f"{POOLS}/{found.digest}.parquet"
            garbage = remove_dataset(store, found, [pool], dry_run=dry_run)
    for file in garbage:
        typer.echo(f"{file.path}: {file.why}")
    verb = "would be removed" if dry_run else "removed"
    typer.echo(f"{counted(len(garbage), 'file')}, {size(sum(f.size for f in garbage))}, {verb}")
    return OK
