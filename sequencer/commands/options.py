"""Options that several commands have, and the report of those that write a piece."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sequencer.text import clock

if TYPE_CHECKING:
    from sequencer.piece import Piece

_MOST_WARNINGS = 20

Out = Annotated[Path, typer.Option("--out", "-o", help="The file to write: .wav or .flac.")]
Credits = Annotated[
    Path | None,
    typer.Option("--credits", help="Where the credits go.  [default: STEM.credits.txt beside OUT]"),
]
Rate = Annotated[int, typer.Option("--sample-rate", help="Of the output, in Hz.")]
DEFAULT_RATE = 16_000
Force = Annotated[
    bool, typer.Option("--force", help="Replace OUT even if it is not a composition.")
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show the traceback of an error.")]


def report(piece: Piece) -> None:
    """Print what was written, and on stderr what to mind."""
    for warning in piece.warnings[:_MOST_WARNINGS]:
        print(f"sequencer: warning: {warning}", file=sys.stderr)
    more = len(piece.warnings) - _MOST_WARNINGS
    if more > 0:
        print(
            f"sequencer: warning: {more} more, in the notes of {piece.score_path}", file=sys.stderr
        )
    score = piece.score
    print(
        f"{piece.out}: {clock(score.seconds)}, {len(score.events)} events from "
        f"{len(score.clips)} clips, master gain {score.master.gain_db:+.2f} dB"
    )
    print(f"{piece.score_path}: score")
    print(f"{piece.credits_path}: credits")
