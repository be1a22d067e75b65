"""Options that several commands have, and the report of those that write a piece."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sequencer.errors import SequencerError
from sequencer.text import clock, counted

if TYPE_CHECKING:
    from sequencer.piece import Piece

PIECES = "From clips to a piece"
CLIPS = "Clips"
SCORES = "What a score gives"

OUTPUT_OPTIONS = "Output"
COMPOSITION_OPTIONS = "Composition"
CLIP_OPTIONS = "Which clips play"
SPOOL_OPTIONS = "Interrupted and edited renderings"

_MOST_WARNINGS = 20
_LOUDNESS = (-60.0, -5.0)

Out = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        help="The file to write: .wav, .flac, .ogg (Vorbis) or .opus.",
        rich_help_panel=OUTPUT_OPTIONS,
    ),
]
Credits = Annotated[
    Path | None,
    typer.Option(
        "--credits",
        help="Where the credits go.  [default: STEM.credits.txt beside OUT]",
        rich_help_panel=OUTPUT_OPTIONS,
    ),
]
Rate = Annotated[
    int | None,
    typer.Option(
        "--sample-rate",
        metavar="HZ",
        help="Of the output: 44100 or 48000 to publish.  [default: that of most clips]",
        rich_help_panel=OUTPUT_OPTIONS,
    ),
]
Bits = Annotated[
    int,
    typer.Option("--bits", help="Depth of WAV and FLAC: 16 or 24.", rich_help_panel=OUTPUT_OPTIONS),
]
LoudnessOption = Annotated[
    str | None,
    typer.Option(
        "--loudness",
        metavar="LUFS",
        help="Loudness of the whole: -14 (streaming), -16, -23 (broadcasting) or off, whatever the "
        "limiter has to take for it.",
        rich_help_panel=OUTPUT_OPTIONS,
    ),
]
Stems = Annotated[
    Path | None,
    typer.Option(
        "--stems",
        metavar="DIR",
        help="Write each layer there too, as float WAV.",
        rich_help_panel=OUTPUT_OPTIONS,
    ),
]
Report = Annotated[
    bool,
    typer.Option(
        "--report",
        help="Measure level and clicks of each join: STEM.joins.csv.",
        rich_help_panel=OUTPUT_OPTIONS,
    ),
]
SpoolFolder = Annotated[
    Path | None,
    typer.Option(
        "--spool",
        metavar="DIR",
        help="Where what is mixed is kept until all is done.  [default: .NAME.spool beside OUT]",
        rich_help_panel=SPOOL_OPTIONS,
    ),
]
KeepSpool = Annotated[
    bool,
    typer.Option(
        "--keep-spool",
        help="Leave it there: an edit then needs only what it touched.",
        rich_help_panel=SPOOL_OPTIONS,
    ),
]
Title = Annotated[
    str,
    typer.Option(
        "--title", help="For the tags.  [default: style and seed]", rich_help_panel=OUTPUT_OPTIONS
    ),
]
Artist = Annotated[
    str,
    typer.Option(
        "--artist",
        help="For the tags.  [default: authors of the recordings]",
        rich_help_panel=OUTPUT_OPTIONS,
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--replace",
        "-f",
        "--force",
        help="Replace files of other origin, too: OUT, credits, stems.",
        rich_help_panel=OUTPUT_OPTIONS,
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show the traceback of an error.")]


def loudness_of(text: str) -> float | None:
    """Read a loudness in LUFS; None for ``off``."""
    if text.strip().lower() == "off":
        return None
    try:
        loudness = float(text)
    except ValueError:
        loudness = math.nan
    low, high = _LOUDNESS
    if not low <= loudness <= high:
        raise SequencerError(
            f"--loudness {text}: give -14, -16, -23, or another from {low:g} to {high:g}, or off"
        )
    return loudness


def report_piece(piece: Piece) -> None:
    """Print what was written, and on stderr what to mind."""
    for warning in piece.warnings[:_MOST_WARNINGS]:
        print(f"sequencer: warning: {warning}", file=sys.stderr)
    more = len(piece.warnings) - _MOST_WARNINGS
    if more > 0:
        print(
            f"sequencer: warning: {more} more, in the notes of {piece.score_path}", file=sys.stderr
        )
    score, found = piece.score, piece.rendered
    levels = [f"master gain {score.master.gain_db:+.2f} dB"]
    if found.loudness.integrated is not None:
        levels.append(f"{found.loudness.integrated:.1f} LUFS")
    if found.true_peak is not None:
        levels.append(f"{found.true_peak:.1f} dBTP")
    print(
        f"{piece.out}: {clock(score.seconds)}, {counted(len(score.events), 'event')} from "
        f"{counted(len(score.clips), 'clip')}, {', '.join(levels)}"
    )
    if piece.remark:
        print(piece.remark)
    for path in piece.stems:
        print(f"{path}: stem")
    if piece.joins:
        print(f"{piece.out.with_suffix('.joins.csv')}: {piece.joins}")
    print(f"{piece.score_path}: score")
    print(f"{piece.credits_path}: credits")
