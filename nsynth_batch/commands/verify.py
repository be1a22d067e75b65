"""`verify`: whether all that a store holds is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from nsynth_batch.commands.options import STORE, STORES, settings_from
from nsynth_batch.errors import OK, UNEXPECTED, CommandError
from nsynth_batch.text import one_line
from sequencer.text import counted

if TYPE_CHECKING:
    from nsynth_batch.settings.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=STORES)(verify)


@settings_from(*STORE)
def verify(settings: Settings) -> int:
    """Check all that is committed.

    Everything is read again and compared with its manifests; recordings are compared with the
    SHA-1 that they are named by.

    Example: nsynth-batch verify --store my-store
    """
    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.store.verify import verify_store

    store = Store.open(settings.store)
    found = 0
    for problem in verify_store(store):
        found += 1
        typer.echo(one_line(f"{problem.path}: {problem.what}"))
    if found:
        raise CommandError(
            f"{counted(found, 'problem')} in {store.url}: restore these files from a copy; "
            "a shard of a dataset is made again if its manifest is deleted",
            UNEXPECTED,
        )
    typer.echo(f"{store.url}: all that is committed is whole")
    return OK
