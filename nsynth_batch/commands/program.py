"""The program `nsynth-batch`: all of its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from nsynth_batch.commands import (
    catalog,
    checkpoint,
    clips,
    doctor,
    encodings,
    figures,
    forget,
    gc,
    generate,
    harvest,
    make,
    mashup,
    run,
    runs,
    status,
    submit,
    train,
    verify,
)
from sequencer.commands.help_panels import Program

app = Program(name="nsynth-batch")


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"nsynth-batch {version('nsynth-batch')}")
        raise typer.Exit


@app.callback()
def nsynth_batch(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Encode recordings with NSynth, cross-fade random pairs of them, decode them to clips.

    Recordings become Parquet shards, shards become encodings, pairs of encodings mash-ups, and
    mash-ups clips, in a store that every command can be run on again: what is committed is
    skipped. Begin with `nsynth-batch demo`, then `nsynth-batch make FOLDER`.

    Settings come from defaults, then nsynth-batch.toml in this folder, then NSYNTH_BATCH_*
    variables, then flags.

    Exit codes: 0 all committed; 1 doctor or verify found something, or the unexpected; 2 usage or
    configuration; 3 more quarantined than --max-bad-fraction; 75 infrastructure, try again; 143
    drained on SIGTERM; 130 on Ctrl-C.
    """


for group in (
    *(make, mashup, doctor),
    *(harvest, run, generate),
    *(status, runs, verify, clips, encodings, figures, catalog, forget, gc),
    checkpoint,
    train,
    submit,
):
    group.register(app)
