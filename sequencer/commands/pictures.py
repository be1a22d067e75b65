"""`sequencer pictures`: rainbowgrams of clips, or the timeline of a composition."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer

from sequencer.commands.options import CLIPS, Verbose
from sequencer.commands.progress import Progress
from sequencer.text import counted


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("pictures", rich_help_panel=CLIPS)(pictures_command)


def pictures_command(
    source: Annotated[
        Path, typer.Argument(help="A folder of clips, or a score.", metavar="CLIPS|SCORE")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="The folder to write to; a timeline's may be FILE.png."),
    ],
    sound: Annotated[
        Path | None,
        typer.Option(
            "--sound",
            help="The rendered score, for its loudness and spectrum.  "
            "[default: STEM.wav or .flac beside it]",
        ),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Draw rainbowgrams of clips as NSynth drew them, or the timeline of a composition.

    A clip's picture has a name that holds the digest of its sound, so run again it draws only
    what is new. Needs librosa and matplotlib.

    Example: sequencer pictures my-clips -o pictures
    """
    from sequencer.errors import SequencerError

    if not source.is_dir():
        _draw_timeline(source, out, sound)
    elif sound is not None:
        raise SequencerError("--sound goes with a score, and this is a folder of clips")
    else:
        _draw_clips(source, out)


def _draw_timeline(score_path: Path, out: Path, sound: Path | None) -> None:
    from sequencer.clips.clips import SCORE_SUFFIX
    from sequencer.files import write_output
    from sequencer.pictures.timeline import timeline
    from sequencer.player.folder import sound_beside
    from sequencer.score.files import read_score

    score = read_score(score_path)
    stem = score_path.name.removesuffix(SCORE_SUFFIX)
    sounding = sound or sound_beside(score_path)
    picture = out if out.suffix.lower() == ".png" and not out.is_dir() else None
    picture = picture or out / f"{stem}.timeline.png"
    write_output(picture, timeline(score, sounding, stem))
    shown = f"loudness and spectrum of {sounding}" if sounding else "without its sound"
    print(f"{picture}: timeline, {shown}")


def _draw_clips(folder: Path, out: Path) -> None:
    from sequencer.clips.clips import read_clips
    from sequencer.errors import SequencerError
    from sequencer.files import digest_of
    from sequencer.pictures.gallery import draw, picture_name

    wanted: dict[Path, Path] = {}
    failures = []
    for clip in read_clips(folder):
        sound = folder / clip.file
        try:
            name = picture_name(digest_of(sound))
        except OSError as error:
            failures.append(f"{sound}: {error.strerror}")
            continue
        wanted[out / PurePosixPath(clip.file).with_suffix(f".{name}")] = sound
    there = sum(picture.exists() for picture in wanted)
    progress = Progress("pictures drawn:")
    for number, (picture, why) in enumerate(draw(wanted), 1):
        progress(number, len(wanted))
        if why:
            failures.append(f"{wanted[picture]}: {why}")
    for failure in failures:
        print(f"sequencer: warning: not drawn: {failure}", file=sys.stderr)
    drawn = len(wanted) - there - sum(not picture.exists() for picture in wanted)
    if not drawn + there:
        raise SequencerError(f"none of the clips in {folder} could be drawn")
    print(f"{out}: {counted(drawn, 'rainbowgram')} drawn, {there} there before")
