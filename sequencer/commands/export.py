"""`sequencer export`: a score for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sequencer.commands.options import Verbose

if TYPE_CHECKING:
    from sequencer.exports.media import Media
    from sequencer.score.score import Score

Target = Literal["otio", "reaper", "labels", "midi"]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("export")(export_command)


def export_command(
    score: Annotated[Path, typer.Argument(help="A score.", metavar="SCORE")],
    to: Annotated[Target, typer.Option("--to", help="The format to write.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
    clips: Annotated[
        Path | None,
        typer.Option("--clips", help="The folder of its clips.  [default: where the score is]"),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Write a score for another program.

    otio is OpenTimelineIO, reaper a Reaper project (.rpp), labels a label track of Audacity, midi a
    file of markers. Layers become tracks, sections markers or regions; otio and reaper name the
    sound files relative to OUT.

    Example: sequencer export piece.score.json --clips my-clips --to reaper -o piece.rpp
    """
    from sequencer.exports.media import Media
    from sequencer.files import write_output
    from sequencer.score.files import read_score

    composition = read_score(score)
    folder = score.parent if clips is None else clips
    content = _written(composition, Media(folder.resolve(), out.parent.resolve()), to)
    write_output(out, content, keeping=score)
    print(f"{out}: {to}, {len(composition.events)} events in {len(composition.layers)} layers")


def _written(score: Score, media: Media, to: Target) -> str | bytes:
    if to == "otio":
        from sequencer.exports.otio import otio_text

        return otio_text(score, media)
    if to == "reaper":
        from sequencer.exports.reaper import reaper_text

        return reaper_text(score, media)
    if to == "midi":
        from sequencer.exports.midi import midi_bytes

        return midi_bytes(score)
    from sequencer.credits.captions import label_track

    return label_track(score)
