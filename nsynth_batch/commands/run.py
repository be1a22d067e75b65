"""`shard`, `encode`, `mash`, `decode`, and `run` for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import (
    AUDIO,
    DECODING,
    HARVESTING,
    MASHING,
    MODEL,
    RUNNING,
    STEPS,
    STORE,
    DryRun,
    settings_from,
)
from nsynth_batch.errors import OK, USAGE, CommandError
from nsynth_batch.text import command_line

if TYPE_CHECKING:
    from nsynth_batch.pipeline.run_report import RunReport
    from nsynth_batch.pipeline.signals import Drain
    from nsynth_batch.pipeline.step import Step
    from nsynth_batch.reporting.report import Listener
    from nsynth_batch.reporting.terminal import Report
    from nsynth_batch.settings.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (shard, encode, mash, decode, run):
        app.command(rich_help_panel=STEPS)(command)


@settings_from(*STORE, *AUDIO, *RUNNING)
def shard(settings: Settings, dry_run: DryRun = False) -> int:
    """Cut recordings into segments.

    Segments are mono, at the rate of --sample-rate, in Parquet shards.

    Example: nsynth-batch shard --store my-store --segment-seconds 6.24
    """
    return _do(settings, ["shard"], dry_run)


@settings_from(*STORE, *MODEL, *RUNNING)
def encode(settings: Settings, dry_run: DryRun = False) -> int:
    """Encode segments.

    Example: nsynth-batch encode --store my-store --checkpoint small
    """
    return _do(settings, ["encode"], dry_run)


@settings_from(*STORE, *MASHING, *RUNNING)
def mash(settings: Settings, dry_run: DryRun = False) -> int:
    """Cross-fade random pairs of encodings.

    A pair is of two different recordings. Pairs of a seed are drawn over what is encoded when
    it is first used, and asking for more leaves those there are as they are.

    Example: nsynth-batch mash --store my-store --pairs 200 --seed 7 --pair nature:music
    """
    return _do(settings, ["mash"], dry_run)


@settings_from(*STORE, *MODEL, "seed", *DECODING, *RUNNING)
def decode(
    settings: Settings,
    dry_run: DryRun = False,
    arrays: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="DIR", help="Decode arrays as encodings writes, without a store."
        ),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Where sounds of --from go.")
    ] = None,
) -> int:
    """Decode mash-ups to clips.

    This is what takes time. With --from the arrays of a folder are decoded to the wav files of
    another, and no store is used: .npy, .npz or .parquet, magenta's files among them.

    Example: nsynth-batch decode --store my-store --temperature 0.9
    """
    if arrays is not None or to is not None:
        from nsynth_batch.commands.encodings import decode_files

        if arrays is None or dry_run:
            raise CommandError("--to goes with --from, and --dry-run with neither", USAGE)
        return decode_files(settings, arrays, to)
    return _do(settings, ["decode"], dry_run)


@settings_from(*STORE, *HARVESTING, *MODEL, *AUDIO, *MASHING, *DECODING, *RUNNING)
def run(
    settings: Settings,
    source: Annotated[
        str | None,
        typer.Argument(metavar="SOURCE", help="Harvested first, as by harvest."),
    ] = None,
    dry_run: DryRun = False,
) -> int:
    """Do all of it, SOURCE to clips.

    Harvests SOURCE if one is given; then shard, encode, mash and decode. Run it again to go on
    where it stopped, to take in new recordings, or with more --pairs.

    Example: nsynth-batch run ~/recordings --store my-store --pairs 64 --seed 7
    """
    code = _do(settings, None, dry_run, source)
    if code == OK and not dry_run and not settings.quiet and settings.log_format == "text":
        export = command_line("clips --to my-clips", settings.store)
        typer.echo(f"next: {export}, then `sequencer compose my-clips -o piece.wav`")
    return code


def _do(
    settings: Settings, commands: Sequence[str] | None, dry_run: bool, source: str | None = None
) -> int:
    from nsynth_batch.pipeline.steps import STEPS, step_named

    steps = STEPS if commands is None else [step_named(command) for command in commands]
    if dry_run:
        from nsynth_batch.commands.dry_run import show_plan

        show_plan(settings, steps, source)
        return OK
    return do_steps(settings, steps, source)


def do_steps(settings: Settings, steps: Sequence[Step], source: str | None = None) -> int:
    """Run some steps, draw their events on stderr, and drain on a signal.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    CommandError
        If more was quarantined than the settings allow, or recordings could not be fetched.
    """
    from nsynth_batch.pipeline.run import run as run_steps

    with listening(settings) as (listener, drain):
        report = run_steps(settings, steps, source, on_event=listener, drain=drain)
    return finished(report)


@contextmanager
def listening(settings: Settings) -> Iterator[tuple[Listener, Drain]]:
    """Draw a run on stderr, and turn signals into a request to drain, to the end of the block."""
    from nsynth_batch.pipeline.signals import draining

    with draining() as drain, _report(settings) as listener:
        yield listener, drain


def _report(settings: Settings) -> Report:
    from nsynth_batch.reporting.terminal import report

    return report(log_format=settings.log_format, quiet=settings.quiet)


def finished(report: RunReport) -> int:
    """Return the exit code of a run; raise CommandError for its problems."""
    if report.message:
        raise CommandError(report.message, report.exit_code)
    return report.exit_code
