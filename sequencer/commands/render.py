"""`sequencer render`: a score again, perhaps one edited by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sequencer.commands.options import (
    CLIP_OPTIONS,
    PIECES,
    Artist,
    Bits,
    Credits,
    Force,
    KeepSpool,
    LoudnessOption,
    Out,
    Rate,
    Report,
    SpoolFolder,
    Stems,
    Title,
    Verbose,
    loudness_of,
    report_piece,
)


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("render", rich_help_panel=PIECES)(render_command)


def render_command(
    score: Annotated[Path, typer.Argument(help="A score, edited or not.", metavar="SCORE")],
    out: Out,
    clips: Annotated[
        Path | None,
        typer.Option(
            "--clips",
            help="The folder of its clips.  [default: the one in the score, or where the score is]",
            rich_help_panel=CLIP_OPTIONS,
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            metavar="RECORDING",
            help="Leave a recording out, by file, title, page or id; may be given again. With a "
            "spool that was kept, only what it touched is mixed anew.",
            rich_help_panel=CLIP_OPTIONS,
        ),
    ] = None,
    sample_rate: Rate = None,
    bits: Bits = 16,
    loudness: LoudnessOption = None,
    stems: Stems = None,
    report: Report = False,
    spool: SpoolFolder = None,
    keep_spool: KeepSpool = False,
    title: Title = "",
    artist: Artist = "",
    credits: Credits = None,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Render a score again, at its own master gain.

    With --loudness its gain is found anew, and the score beside OUT says so. A rendering that was
    killed or interrupted goes on when it is started again. The score remembers the folder of its
    clips; --clips names another. --without puts other clips of the
    folder in the places of those that a recording is in.

    Example: sequencer render piece.score.json -o edited.wav --sample-rate 44100
    """
    from dataclasses import replace

    from sequencer.composing.candidates import find_candidates
    from sequencer.composing.replace import replace_source
    from sequencer.piece import write_piece
    from sequencer.rendering.output_paths import Writing
    from sequencer.score.clip_folder import clip_folder
    from sequencer.score.files import read_score

    found = original = read_score(score)
    folder = clip_folder(found, score, clips)
    if without:
        candidates = find_candidates(folder, sample_rate=found.sample_rate).candidates
        for name in without:
            found = replace_source(found, name, candidates)
    if loudness is not None:
        found = replace(found, master=replace(found.master, loudness=loudness_of(loudness)))
    writing = Writing(
        sample_rate=sample_rate,
        bits=bits,
        stems=stems,
        report=report,
        spool=spool,
        keep_spool=keep_spool,
        title=title,
        artist=artist,
    )
    report_piece(
        write_piece(
            found,
            folder,
            out,
            credits=credits,
            force=force,
            writing=writing,
            listen=loudness is not None,
            unchanged=None if without else score,
            original=original,
        )
    )
