"""`harvest`: recordings into the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import (
    HARVESTING,
    LEASE,
    METRICS,
    STEPS,
    STORE,
    DryRun,
    settings_from,
)
from nsynth_batch.errors import OK

if TYPE_CHECKING:
    from nsynth_batch.settings.settings import Settings

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A folder, commons:Category:NAME, urls:PATH, fma:PATH or nsynth:PATH, as described "
        "above.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=STEPS)(harvest)


@settings_from(
    *STORE, *HARVESTING, *LEASE, "retries", "max_bad_fraction", "log_format", "quiet", *METRICS
)
def harvest(settings: Settings, source: Source, dry_run: DryRun = False) -> int:
    """Take recordings into the store.

    They are copied, but for those on HDFS, which are read in place. Their rights come along, and
    the store is made if there is none. Content that the store has is not copied again; other
    files are counted and left alone.

    SOURCE is a folder of recordings, a sources.csv beside them gives rights;
    commons:Category:NAME, commons:Search:WORDS, commons:File:NAME or commons:List:PATH (a title
    a line) of Wikimedia Commons; urls:PATH, a sources.csv with a column url; fma:PATH, the Free
    Music Archive's dump as it is published; or nsynth:PATH, the NSynth data set. The web needs
    --contact.

    Example: nsynth-batch harvest ~/recordings --store my-store
    """
    if dry_run:
        from nsynth_batch.commands.dry_run import show_harvest

        show_harvest(settings, source)
        return OK
    from nsynth_batch.commands.run import finished, listening
    from nsynth_batch.pipeline.harvest import harvest as take

    with listening(settings) as (listener, drain):
        return finished(take(settings, source, on_event=listener, drain=drain))
