"""The `sequencer` command: parse, call one function, print."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from sequencer.audio import SAMPLE_RATE
from sequencer.errors import SequencerError
from sequencer.piece import Piece, make_piece, render_piece
from sequencer.score import FadeLaw
from sequencer.text import clock

_MOST_WARNINGS = 20
_INFRASTRUCTURE = 75

app = typer.Typer(
    name="sequencer",
    help="Stitch clips into compositions, with every source credited.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Out = Annotated[Path, typer.Option("--out", "-o", help="The file to write: .wav or .flac.")]
Credits = Annotated[
    Path | None,
    typer.Option("--credits", help="Where the credits go.  [default: STEM.credits.txt beside OUT]"),
]
Rate = Annotated[int, typer.Option("--sample-rate", help="Of the output, in Hz.")]
Force = Annotated[
    bool, typer.Option("--force", help="Replace OUT even if it is not a composition.")
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show the traceback of an error.")]


@app.command("compose")
def compose_command(
    clips: Annotated[
        Path, typer.Argument(help="A clips export, or any folder of sound files.", metavar="CLIPS")
    ],
    out: Out,
    minutes: Annotated[float, typer.Option("--minutes", help="Length of the composition.")] = 2.0,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another piece.")] = 0,
    sample_rate: Rate = SAMPLE_RATE,
    credits: Credits = None,
    fade_law: Annotated[
        FadeLaw, typer.Option("--fade-law", help="How clips give way to each other.")
    ] = "matched",
    keep_all: Annotated[
        bool,
        typer.Option("--keep-all", help="Play clips too that the gate calls bad (silence, noise)."),
    ] = False,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Compose a piece from a folder of clips.

    Writes OUT, the score beside it (STEM.score.json, which can be edited and rendered again) and
    the credits. The same clips, seed and options give the same bytes; an earlier composition of
    this name is replaced.

    Example: sequencer compose clips/ -o piece.wav --minutes 2 --seed 7
    """
    with _errors_on_one_line(verbose):
        _report(
            make_piece(
                clips,
                out,
                minutes=minutes,
                seed=seed,
                sample_rate=sample_rate,
                credits=credits,
                fade_law=fade_law,
                keep_all=keep_all,
                force=force,
            )
        )


@app.command("render")
def render_command(
    score: Annotated[Path, typer.Argument(help="A score, edited or not.", metavar="SCORE")],
    out: Out,
    clips: Annotated[
        Path | None,
        typer.Option("--clips", help="The folder of its clips.  [default: where the score is]"),
    ] = None,
    sample_rate: Rate = SAMPLE_RATE,
    credits: Credits = None,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Render a score again, at its own master gain.

    Example: sequencer render piece.score.json --clips clips/ -o edited.wav
    """
    with _errors_on_one_line(verbose):
        folder = score.parent if clips is None else clips
        _report(
            render_piece(score, folder, out, sample_rate=sample_rate, credits=credits, force=force)
        )


def main() -> None:
    """Run the command."""
    app()


@contextlib.contextmanager
def _errors_on_one_line(verbose: bool) -> Iterator[None]:
    try:
        yield
    except (SequencerError, OSError) as error:
        if verbose:
            traceback.print_exc()
        code = error.exit_code if isinstance(error, SequencerError) else _INFRASTRUCTURE
        if isinstance(error, FileNotFoundError):
            code = SequencerError.exit_code
        print(f"sequencer: {' '.join(str(error).splitlines())}", file=sys.stderr)
        raise typer.Exit(code) from error


def _report(piece: Piece) -> None:
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
