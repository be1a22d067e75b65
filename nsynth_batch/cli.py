"""The command `nsynth-batch`: finds the command that is meant, and ends with its exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from nsynth_batch.commands import (
    catalog,
    checkpoint,
    clips,
    demo,
    doctor,
    forget,
    gc,
    harvest,
    run,
    status,
    submit,
    verify,
)
from nsynth_batch.errors import INTERRUPTED, failure
from nsynth_batch.pipeline.signals import EndedAtOnce

ALL_FAILED = "--retry-failed"

app = typer.Typer(
    name="nsynth-batch",
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    skipped. Begin with `nsynth-batch demo`.

    Settings come from defaults, then nsynth-batch.toml in this folder, then NSYNTH_BATCH_*
    variables, then flags.

    Exit codes: 0 all committed; 2 usage or configuration; 3 more quarantined than
    --max-bad-fraction; 75 infrastructure, try again; 143 drained on SIGTERM.
    """


for group in (
    demo,
    harvest,
    run,
    status,
    verify,
    clips,
    catalog,
    forget,
    gc,
    checkpoint,
    doctor,
    submit,
):
    group.register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the process by default.

    Returns
    -------
    int
        The exit code.
    """
    # TensorFlow's own remarks are kept off stderr, here and in the workers: an error is one line.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    # With a value of its own the flag does not take the word that follows for one.
    given = [f"{ALL_FAILED}=all" if word == ALL_FAILED else word for word in given]
    try:
        result = app(given, prog_name="nsynth-batch", standalone_mode=False)
    except (Exception, KeyboardInterrupt, EndedAtOnce) as error:
        of_parser = hasattr(error, "format_message")
        if "--verbose" in given and not of_parser:
            traceback.print_exc()
        failed = failure(error)
        hint = "; see `nsynth-batch --help`" if of_parser else ""
        print(f"nsynth-batch: {failed.message.rstrip('.')}{hint}", file=sys.stderr)
        return failed.exit_code
    if result == INTERRUPTED:
        # The parser keeps the interrupt to itself, and its exit code only comes through.
        print(f"nsynth-batch: {failure(KeyboardInterrupt()).message}", file=sys.stderr)
    return result if isinstance(result, int) else 0
