"""`sequencer page`: a finished piece as a folder for any browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sequencer.commands.options import SCORES, Verbose


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("page", rich_help_panel=SCORES)(page)


def page(
    score: Annotated[Path, typer.Argument(help="The score of the piece.", metavar="SCORE")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write to.")],
    sound: Annotated[
        Path | None,
        typer.Option("--sound", help="The rendered score.  [default: STEM.wav … beside it]"),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Show a finished piece on a page: player, timeline, who is audible now.

    The folder holds the page, the sound, the score and the credits. It needs no server and no
    network: open index.html, or put the folder on any web server.

    Example: sequencer page piece.score.json -o page
    """
    from sequencer.player.folder import write_player

    print(f"{write_player(score, out, sound)}: open it in a browser")
