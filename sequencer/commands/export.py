"""`sequencer export`: a score for other programs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sequencer.commands.options import SCORES, Force, Verbose

if TYPE_CHECKING:
    from sequencer.exports.media import Media
    from sequencer.score.score import Score

Target = Literal["otio", "reaper", "labels", "midi"]
_SUFFIXES: dict[Target, tuple[str, ...]] = {
    "otio": (".otio",),
    "reaper": (".rpp",),
    "labels": (".txt", ".labels"),
    "midi": (".mid", ".midi"),
}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("export", rich_help_panel=SCORES)(export_command)


def export_command(
    score: Annotated[Path, typer.Argument(help="A score.", metavar="SCORE")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The file to write: .otio, .rpp, .txt or .mid.")
    ],
    to: Annotated[
        Target | None,
        typer.Option("--to", help="The format to write.  [default: by the name of FILE]"),
    ] = None,
    clips: Annotated[
        Path | None,
        typer.Option(
            "--clips",
            help="The folder of its clips.  [default: the one in the score, or where the score is]",
        ),
    ] = None,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Write a score for another program.

    otio is OpenTimelineIO, reaper a Reaper project (.rpp), labels a label track of Audacity (.txt),
    midi a MIDI file (.mid): a marker an event, and notes where its clip has a clear pitch. Layers
    become tracks, sections markers or regions; otio and reaper name the sound files relative to
    OUT.

    Example: sequencer export piece.score.json -o piece.rpp
    """
    from sequencer.exports.media import Media
    from sequencer.rendering.output_paths import write_form
    from sequencer.score.clip_folder import clip_folder
    from sequencer.score.files import read_score
    from sequencer.text import counted

    form = _target(out, to)
    composition = read_score(score)

    def media() -> Media:
        folder = clip_folder(composition, score, clips)
        return Media(folder.resolve(), out.parent.resolve())

    content = _written(composition, media, form)
    write_form(out, content, form, score=score, replace=force)
    events = counted(len(composition.events), "event")
    print(f"{out}: {form}, {events} in {counted(len(composition.layers), 'layer')}")


def _target(out: Path, to: Target | None) -> Target:
    """Return the format that a file's name asks for; `to` has to agree."""
    from sequencer.errors import SequencerError

    suffix = out.suffix.lower()
    named = next((target for target, ends in _SUFFIXES.items() if suffix in ends), None)
    if named is None or named != (to or named):
        wanted = _SUFFIXES[to] if to else [ends[0] for ends in _SUFFIXES.values()]
        raise SequencerError(
            f"{out}: end the name in {' or '.join(wanted)}"
            + (f", as --to {to} asks for" if to else ", which chooses the format")
        )
    return named


def _written(score: Score, media: Callable[[], Media], to: Target) -> str | bytes:
    if to == "otio":
        from sequencer.exports.otio import otio_text

        return otio_text(score, media())
    if to == "reaper":
        from sequencer.exports.reaper import reaper_text

        return reaper_text(score, media())
    if to == "midi":
        return _midi(score, media)
    from sequencer.credits.captions import label_track

    return label_track(score)


def _midi(score: Score, media: Callable[[], Media]) -> bytes:
    from sequencer.errors import SequencerError
    from sequencer.exports.midi import midi_bytes
    from sequencer.exports.notes import clip_notes

    try:
        folder = media().clips
    except SequencerError as error:
        print(f"sequencer: warning: only markers are written: {error}", file=sys.stderr)
        return midi_bytes(score)
    notes, missing = clip_notes(score, folder)
    if missing:
        more = f" (and {len(missing) - 1} more)" if missing[1:] else ""
        print(
            f"sequencer: warning: no notes of clips without their sound: {missing[0]}{more}",
            file=sys.stderr,
        )
    return midi_bytes(score, notes)
