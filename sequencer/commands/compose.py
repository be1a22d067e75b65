"""`sequencer compose`: a piece from a folder of clips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sequencer.commands.options import (
    DEFAULT_RATE,
    Artist,
    Bits,
    Credits,
    Force,
    KeepSpool,
    Out,
    Rate,
    Report,
    SpoolFolder,
    Stems,
    Title,
    Verbose,
    report_piece,
)
from sequencer.score import FadeLaw


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("compose")(compose_command)


def compose_command(
    clips: Annotated[
        Path, typer.Argument(help="A clips export, or any folder of sound files.", metavar="CLIPS")
    ],
    out: Out,
    minutes: Annotated[float, typer.Option("--minutes", help="Length of the composition.")] = 2.0,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another piece.")] = 0,
    sample_rate: Rate = DEFAULT_RATE,
    bits: Bits = 16,
    stems: Stems = None,
    report: Report = False,
    spool: SpoolFolder = None,
    keep_spool: KeepSpool = False,
    title: Title = "",
    artist: Artist = "",
    credits: Credits = None,
    fade_law: Annotated[
        FadeLaw, typer.Option("--fade-law", help="How clips give way to each other.")
    ] = "matched",
    keep_all: Annotated[
        bool,
        typer.Option("--keep-all", help="Play clips too that would be left out (silence, noise)."),
    ] = False,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Compose a piece from a folder of clips.

    Writes OUT, the score beside it (STEM.score.json, which can be edited and rendered again) and
    the credits. The same clips, seed and options give the same bytes; an earlier composition of
    this name is replaced.

    Clips of an export that fell silent, hold a tone or hiss are left out. In a folder of your own
    sounds only silence and a bare offset are.

    Example: sequencer compose clips/ -o piece.wav --minutes 2 --seed 7
    """
    from sequencer.piece import make_piece
    from sequencer.writing import Writing

    report_piece(
        make_piece(
            clips,
            out,
            minutes=minutes,
            seed=seed,
            credits=credits,
            fade_law=fade_law,
            keep_all=keep_all,
            force=force,
            writing=Writing(
                sample_rate=sample_rate,
                bits=bits,
                stems=stems,
                report=report,
                spool=spool,
                keep_spool=keep_spool,
                title=title,
                artist=artist,
            ),
        )
    )
