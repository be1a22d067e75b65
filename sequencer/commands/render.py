"""`sequencer render`: a score again, perhaps one edited by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sequencer.commands.options import DEFAULT_RATE, Credits, Force, Out, Rate, Verbose, report


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("render")(render_command)


def render_command(
    score: Annotated[Path, typer.Argument(help="A score, edited or not.", metavar="SCORE")],
    out: Out,
    clips: Annotated[
        Path | None,
        typer.Option("--clips", help="The folder of its clips.  [default: where the score is]"),
    ] = None,
    sample_rate: Rate = DEFAULT_RATE,
    credits: Credits = None,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Render a score again, at its own master gain.

    Example: sequencer render piece.score.json --clips clips/ -o edited.wav
    """
    from sequencer.piece import render_piece

    folder = score.parent if clips is None else clips
    report(render_piece(score, folder, out, sample_rate=sample_rate, credits=credits, force=force))
