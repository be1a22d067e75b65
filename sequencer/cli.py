"""The `sequencer` command: parse, call one function, print."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sequencer.audio import SAMPLE_RATE
from sequencer.errors import SequencerError, exit_code_of
from sequencer.interrupts import heard_interrupts
from sequencer.piece import Piece, make_piece, render_piece
from sequencer.score import FadeLaw
from sequencer.text import clock, flattened

_MOST_WARNINGS = 20
_UNEXPECTED = 1
_INTERRUPTED = 130

app = typer.Typer(
    name="sequencer",
    help="Stitch clips into compositions, with every source credited.",
    add_completion=False,
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
    folder = score.parent if clips is None else clips
    _report(render_piece(score, folder, out, sample_rate=sample_rate, credits=credits, force=force))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; whatever goes wrong is one line on stderr.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the process by default.

    Returns
    -------
    int
        The exit code: 0; 1 for an error of this program; 2 for arguments, files and paths; 75 for
        what may pass, such as a full disk; 130 when interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        with heard_interrupts():
            result = app(given, prog_name="sequencer", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        # Where an error of the parser came up helps nobody.
        if "--verbose" in given and not hasattr(error, "format_message"):
            traceback.print_exc()
        message, code = _failure(error)
        print(f"sequencer: {message}", file=sys.stderr)
        return code
    if result == _INTERRUPTED:
        # The parser keeps the interrupt to itself, and its exit code only comes through.
        print(f"sequencer: {_failure(KeyboardInterrupt())[0]}", file=sys.stderr)
    return result if isinstance(result, int) else 0


def _failure(error: BaseException) -> tuple[str, int]:
    """Find line and exit code of an error."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; what was there before stands as it was", _INTERRUPTED
    # The parser's own errors put their words together when asked.
    format_message = getattr(error, "format_message", None)
    if callable(format_message):
        message = flattened(format_message()).rstrip(".")
        return f"{message}; see `sequencer --help`", SequencerError.exit_code
    message = flattened(str(error))
    if isinstance(error, SequencerError):
        return message, error.exit_code
    if isinstance(error, OSError):
        code = exit_code_of(error)
        what_to_do = (
            "check its name and rights" if code == SequencerError.exit_code else "try again"
        )
        named = error.filename is not None and error.strerror is not None
        words = f"{error.filename}: {error.strerror}" if named else message
        return f"{flattened(words)}; {what_to_do}", code
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" in {last[0].name}, line {last[0].lineno} of {last[0].filename}" if last else ""
    return (
        f"unexpected {type(error).__name__}{place}: {message}; --verbose shows the traceback",
        _UNEXPECTED,
    )


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
