"""`clips`: the clips of a store as wav files."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import STORE, STORES, settings_from
from nsynth_batch.errors import OK, USAGE, CommandError
from nsynth_batch.text import command_line
from sequencer.text import clock, counted

if TYPE_CHECKING:
    from nsynth_batch.settings.settings import Settings
    from nsynth_batch.store.clip_export import Exported
    from nsynth_batch.store.likely import Likely


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=STORES)(clips)


@settings_from(*STORE)
def clips(
    settings: Settings,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder for the wav files.")],
    every: Annotated[
        bool, typer.Option("--all", help="Clips of every seed and setting, not the latest alone.")
    ] = False,
    of: Annotated[
        str | None,
        typer.Option("--of", metavar="NAME", help="Clips of one producer alone: see status."),
    ] = None,
    parents: Annotated[
        bool,
        typer.Option("--parents", help="Write the sound of their recordings too, for audition."),
    ] = False,
    keep_likely: Annotated[
        str | None,
        typer.Option(
            metavar="A%:B%",
            help="Of generated clips, ranked from the most likely by their model: leave out the "
            "first A % and all after B %, as in 5%:60%.",
        ),
    ] = None,
) -> int:
    """Write clips as wav files.

    clips.jsonl beside them has parents, their rights, and the verdicts. With --parents the
    segments that the clips were made from are written as FLAC into a folder parents/, once each,
    so that `sequencer audition` can play them beside the clips.

    Example: nsynth-batch clips --store my-store --to my-clips
    """
    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.pipeline.steps import lineage_of, producer_of
    from nsynth_batch.store.clip_export import export_clips
    from sequencer.clips.gate import rejected

    if every and of is not None:
        raise CommandError("--all and --of: give one of them", USAGE)
    likely = None if keep_likely is None else _likely(keep_likely)
    store = Store.open(settings.store)
    producer = None if of is None else producer_of(store, "clips", of)
    done = export_clips(
        store, to, lineage_of, every=every, producer=producer, parents=parents, likely=likely
    )
    verdicts = ", ".join(f"{n} {word}" for word, n in sorted(done.verdicts.items()))
    typer.echo(
        f"{to}: {counted(done.clips, 'clip')}, {clock(done.seconds)} of audio, "
        f"{counted(done.written, 'file')} written"
        f" ({verdicts})"
    )
    if words := rejected(done.verdicts, done.clips):
        typer.echo(words)
    if done.without_parents:
        typer.echo(
            f"--parents: {counted(done.without_parents, 'clip')} without: a model made them from "
            "no recording, or the store has its segments no more"
        )
    if done.left_out:
        typer.echo(f"skipped: {counted(done.left_out, 'clip')} derived from forgotten recordings")
    if done.unlisted:
        typer.echo(unlisted(done, to, settings.store))
    if done.stale:
        typer.echo(
            f"an earlier export left {counted(len(done.stale), 'wav file')} of them, which no "
            f"clips.jsonl names any more; delete them: {' '.join(done.stale)}"
        )
    if done.unnamed:
        typer.echo(
            f"an earlier export left {counted(len(done.unnamed), 'sound')} of parents in {to}, "
            f"which no clips.jsonl names any more; delete {' '.join(done.unnamed)}"
        )
    return OK


def unlisted(done: Exported, folder: Path, store: str) -> str:
    """Return what to know of clips that an earlier export listed and this one does not."""
    again = command_line(f"clips --all --to {shlex.quote(str(folder))}", store)
    were = "was" if len(done.unlisted) == 1 else "were"
    return (
        f"{counted(len(done.unlisted), 'clip')} of other settings {were} in clips.jsonl before: "
        f"the files stay, and {again} lists them again"
    )


def _likely(words: str) -> Likely:
    from nsynth_batch.store.likely import Likely

    try:
        first, last = (float(word.removesuffix("%")) / 100 for word in words.split(":"))
        return Likely(first, last)
    except ValueError:
        raise CommandError(
            f"--keep-likely {words}: give two shares that rise from 0 to 100, as in 5%:60%", USAGE
        ) from None
