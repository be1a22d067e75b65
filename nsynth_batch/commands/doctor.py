"""`doctor`: whether a run has what it needs here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from nsynth_batch.commands.options import BEGIN, CLUSTER, MODEL, STORE, settings_from
from nsynth_batch.errors import OK, UNEXPECTED, CommandError
from sequencer.text import counted

if TYPE_CHECKING:
    from nsynth_batch.settings.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=BEGIN)(doctor)


@settings_from(*STORE, *MODEL, *CLUSTER, "precision")
def doctor(settings: Settings) -> int:
    """Check what a run needs here.

    Versions, engines, checkpoint, storage, scheduler. Ends with 1 if something that the
    settings ask for is broken; each line names what to do.

    Example: nsynth-batch doctor --store my-store
    """
    from nsynth_batch.doctor.checks import examine

    broken = 0
    for finding in examine(settings):
        broken += finding.broken
        mark = "BROKEN" if finding.broken else "ok" if finding.works else "-"
        typer.echo(f"{mark:<7} {finding.what}: {finding.found}")
    if broken:
        raise CommandError(
            f"broken: {counted(broken, 'thing')} that these settings need", UNEXPECTED
        )
    return OK
