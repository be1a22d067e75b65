"""`sequencer audition`: listen to clips, keep some, reject others."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sequencer.commands.options import CLIPS, Verbose
from sequencer.commands.progress import Progress
from sequencer.text import counted

if TYPE_CHECKING:
    from sequencer.audition.listing import Listing

CHOICES_NAME = "choices.json"
_MOST_NOTES = 20


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("audition", rich_help_panel=CLIPS)(audition_command)


def audition_command(
    clips: Annotated[
        Path, typer.Argument(help="A clips export, or any folder of sound files.", metavar="CLIPS")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="A folder to write the page to, in place of serving it."),
    ] = None,
    choices: Annotated[
        Path | None,
        typer.Option("--choices", help=f"The file of choices.  [default: {CHOICES_NAME} in CLIPS]"),
    ] = None,
    port: Annotated[int, typer.Option("--port", help="To serve at; 0 takes a free one.")] = 8765,
    verbose: Verbose = False,
) -> None:
    """Listen to clips on a page in the browser, keep some and reject others.

    Served on this machine only; each choice is saved at once. With --out the page, its sounds and
    pictures are written into a folder that works without a server, and gives the choices out as a
    download. `sequencer compose --choices FILE` plays what was kept and leaves out what was
    rejected. Rainbowgrams and log-mel spectrograms are there where librosa and matplotlib are
    installed; the recordings of a clip can be played beside it where `nsynth-batch clips --parents`
    wrote them.

    Example: sequencer audition my-clips
    """
    from sequencer.audition.listing import list_clips
    from sequencer.clips.choices import read_choices
    from sequencer.errors import SequencerError
    from sequencer.optional import installed

    if out is not None and out.resolve().is_relative_to(clips.resolve()):
        raise SequencerError(f"{out} lies in {clips}, whose sounds it would add to; name another")
    file = clips / CHOICES_NAME if choices is None else choices
    chosen = read_choices(file) if file.exists() else {}
    listing = list_clips(clips, on_progress=Progress("clips looked through:"))
    for note in listing.notes[:_MOST_NOTES]:
        print(f"sequencer: warning: {note}", file=sys.stderr)
    more = len(listing.notes) - _MOST_NOTES
    if more > 0:
        print(f"sequencer: warning: {counted(more, 'more clip')} skipped", file=sys.stderr)
    drawing = installed("librosa", "matplotlib")
    if not drawing:
        print(
            "sequencer: warning: no rainbowgrams without librosa and matplotlib; "
            "pip install librosa matplotlib",
            file=sys.stderr,
        )
    if out is None:
        _serve(clips, listing, file, port, drawing=drawing)
        return
    from sequencer.audition.folder import PAGE_NAME, write_audition

    # Who gets the folder has the clips elsewhere, and the choices as a download.
    command = _compose_command(Path(clips.resolve().name), Path(CHOICES_NAME))
    for failure in write_audition(
        clips,
        listing,
        chosen,
        out,
        with_pictures=drawing,
        command=command,
        on_progress=Progress("pictures drawn:"),
    ):
        print(f"sequencer: warning: not drawn: {failure}", file=sys.stderr)
    print(f"{out / PAGE_NAME}: {counted(len(listing.shown), 'clip')}; open it in a browser")


def _compose_command(clips: Path, choices: Path) -> str:
    """Return what composes from the clips that were kept, to paste into a shell."""
    words = ["sequencer", "compose", clips, "-o", "piece.wav", "--choices", choices, "--only-kept"]
    return shlex.join(map(str, words))


def _serve(clips: Path, listing: Listing, choices: Path, port: int, *, drawing: bool) -> None:
    from sequencer.audition.server import Audition, AuditionServer
    from sequencer.pictures.gallery import cache_folder

    pictures = cache_folder() if drawing else None
    command = _compose_command(clips, choices)
    audition = Audition(clips.resolve().name, listing, choices, pictures, command)
    try:
        with AuditionServer(audition, port) as server:
            print(f"{counted(len(listing.shown), 'clip')} at {server.address}")
            print(f"choices go to {choices}; Ctrl-C ends this", flush=True)
            server.serve_forever()
    except KeyboardInterrupt:
        print()
