"""The program `sequencer`: all of its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from sequencer.commands import audition, compose, credits, export, page, pictures, render
from sequencer.commands.help_panels import Program

app = Program(name="sequencer")


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"sequencer {version('nsynth-batch')}")
        raise typer.Exit


@app.callback()
def sequencer(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Stitch clips into compositions, with every source credited.

    Exit codes: 0 done; 2 arguments, files and paths; 75 what can pass by itself, such as a full
    disk; 130 interrupted.
    """


for group in (audition, compose, credits, export, page, pictures, render):
    group.register(app)
