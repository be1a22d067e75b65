"""`demo`: the whole job on bundled recordings."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import (
    BEGIN,
    DECODING,
    MASHING,
    MODEL,
    RUNNING,
    settings_from,
)
from nsynth_batch.commands.run import do_steps
from nsynth_batch.errors import OK
from sequencer.text import clock

if TYPE_CHECKING:
    from nsynth_batch.settings.settings import Settings

_DEMO_PAIRS = 40
"""Enough for a minute in which no clip plays twice."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=BEGIN)(demo)


@settings_from(*MODEL, *MASHING, *DECODING, *RUNNING)
def demo(
    settings: Settings,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where it all goes.")] = Path(
        "demo-out"
    ),
    minutes: Annotated[
        float, typer.Option("--minutes", metavar="M", help="Length of the composition.")
    ] = 1.0,
) -> int:
    """Do the whole job on bundled recordings.

    Leaves composition.wav and credits.txt in the folder, with the store and the clips beside
    them. Run again, it goes on where it stopped.

    Example: nsynth-batch demo --out demo-out
    """
    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.pipeline.steps import STEPS, lineage_of
    from nsynth_batch.store.clip_export import export_clips
    from sequencer.clips.gate import rejected
    from sequencer.piece import make_piece

    settings = settings.model_copy(
        update={
            "store": str(out / "store"),
            "pairs": settings.pairs if "pairs" in settings.model_fields_set else _DEMO_PAIRS,
        }
    )
    with as_file(files("nsynth_batch") / "recordings") as recordings:
        code = do_steps(settings, STEPS, str(recordings))
    if code:
        return code
    exported = export_clips(Store.open(settings.store), out / "clips", lineage_of)
    none_good = not exported.verdicts.get("good")
    if none_good:
        typer.echo(
            f"warning: {rejected(exported.verdicts, exported.clips)}; they play all the same",
            err=True,
        )
    piece = make_piece(
        out / "clips",
        out / "composition.wav",
        minutes=minutes,
        seed=settings.seed or 0,
        credits=out / "credits.txt",
        keep_all=none_good,
    )
    for warning in piece.warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(
        f"\nListen to {piece.out}: {clock(piece.score.seconds)} made from {exported.clips} "
        "mash-ups.\nEach fades between two of the bundled recordings inside the model and is "
        f"decoded anew:\nthey lie in {out / 'clips'}, and clips.jsonl there names the parents of "
        f"each.\n{piece.credits_path} credits the authors. Your own: "
        f"nsynth-batch run FOLDER --store my-store"
    )
    return OK
