"""`make` and `demo`: from recordings to a piece by one command."""

from __future__ import annotations

import hashlib
import math
import os
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.clips import unlisted
from nsynth_batch.commands.options import (
    BEGIN,
    DECODING,
    FIRST,
    MASHING,
    MODEL,
    RUNNING,
    STORE,
    settings_from,
)
from nsynth_batch.commands.run import do_steps
from nsynth_batch.errors import OK
from nsynth_batch.text import command_line
from sequencer.composing.styles import StyleName
from sequencer.text import clock, counted

if TYPE_CHECKING:
    from nsynth_batch.settings.settings import Settings
    from sequencer.piece import Piece

_PAIRS_A_MINUTE = 40
"""Enough for a minute in which no clip plays twice."""

_LEFT_OUT = "left out '"
"""How the note on a clip begins that does not play: of few recordings many are alike."""

_LEAST_GOOD = 0.1
"""Of a piece: with fewer seconds of clips that the gate lets through, the others play too."""

Minutes = Annotated[float, typer.Option("--minutes", metavar="M", help="Length of the piece.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (demo, make):
        app.command(rich_help_panel=BEGIN)(command)


@settings_from(
    *(*STORE, *MODEL, *MASHING, *DECODING, *RUNNING),
    own=FIRST,
    worked_out={
        "store": "in your cache folder, one for each FOLDER",
        "pairs": f"{_PAIRS_A_MINUTE} a minute",
    },
)
def make(
    settings: Settings,
    source: Annotated[str, typer.Argument(metavar="FOLDER", help="Recordings, as for harvest.")],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="OUT", help="OUT.wav, .flac, .ogg or .opus."),
    ] = Path("piece.wav"),
    minutes: Minutes = 1.0,
    style: Annotated[
        StyleName | None, typer.Option("--style", help="How it is composed; plain if not given.")
    ] = None,
    clips: Annotated[
        Path | None,
        typer.Option("--clips", metavar="DIR", help="Where the clips go; else beside the store."),
    ] = None,
    keep_all: Annotated[
        bool,
        typer.Option("--keep-all", help="Play what the gate rejects, too."),
    ] = False,
) -> int:
    """Make a piece from a folder of recordings.

    Harvests the folder, mashes up and decodes pairs of its recordings, writes the clips as wav
    files, the recordings that they are made of beside for `sequencer audition`, and composes them.
    Unless --store is given, the store is in your cache folder, one for each folder of recordings,
    and the clips are beside it. Run again it goes on where it stopped; another --seed mixes anew,
    with the recordings that came since. The bundled model `spectral` keeps the pitch of any sounds;
    for NSynth's own voice name one that was trained on yours: --checkpoint MODEL.

    Example: nsynth-batch make ~/recordings -o piece.wav --minutes 2 --style collage
    """
    from sequencer.rendering.output_paths import Writing, paths_of

    place = _cache_of(source)
    given = settings.model_fields_set
    store = settings.store if "store" in given else str(place / "store")
    pairs = settings.pairs if "pairs" in given else math.ceil(_PAIRS_A_MINUTE * minutes)
    settings = settings.model_copy(update={"store": store, "pairs": max(1, pairs)})
    # What cannot be written is found before the work.
    paths_of(out, None, Writing(), force=False)
    clips = clips or place / "clips"
    piece = _make(settings, source, clips, out, minutes, style=style, keep_all=keep_all)
    if isinstance(piece, int):
        return piece
    _say(settings, piece, clips)
    if settings.quiet:
        return OK
    typer.echo(
        f"Next:\n"
        f"  sequencer audition {_quoted(clips)}\n"
        f"  sequencer compose {_quoted(clips)} -o other.wav --minutes {minutes:g} --seed 8\n"
        f"  sequencer page {_quoted(piece.score_path)} -o page\n"
        f"  {command_line('status', settings.store).strip('`')}"
    )
    return OK


@settings_from(*(*MODEL, *MASHING, *DECODING, *RUNNING), own={**FIRST, "pairs": _PAIRS_A_MINUTE})
def demo(
    settings: Settings,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where it all goes.")] = Path(
        "demo-out"
    ),
    minutes: Minutes = 1.0,
) -> int:
    """Do the whole job on bundled recordings.

    Leaves composition.wav and credits.txt in the folder, with the store and the clips beside
    them. Run again, it goes on where it stopped. It is `make` on the recordings in the package;
    --checkpoint demo decodes them by NSynth's architecture, trained on them alone, whose voice is
    rougher.

    Example: nsynth-batch demo --out demo-out
    """
    settings = settings.model_copy(update={"store": str(out / "store")})
    with as_file(files("nsynth_batch") / "recordings") as recordings:
        piece = _make(
            settings,
            str(recordings),
            out / "clips",
            out / "composition.wav",
            minutes,
            credits=out / "credits.txt",
        )
    if isinstance(piece, int):
        return piece
    _say(settings, piece, out / "clips")
    if not settings.quiet:
        typer.echo(
            "Your own: nsynth-batch make FOLDER -o piece.wav; and a model that knows your sounds:\n"
            "nsynth-batch train my-model --init small --from FOLDER (needs tensorflow)"
        )
    return OK


def _make(
    settings: Settings,
    source: str,
    clips: Path,
    out: Path,
    minutes: float,
    *,
    style: StyleName | None = None,
    credits: Path | None = None,
    keep_all: bool = False,
) -> Piece | int:
    """Run, export and compose; return the piece, or the exit code of a run that was drained."""
    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.pipeline.steps import STEPS, lineage_of
    from nsynth_batch.store.clip_export import export_clips
    from nsynth_batch.store.export_folder import listed_before
    from sequencer.clips.clips import read_clips
    from sequencer.clips.gate import rejected
    from sequencer.composing.compose import check_minutes
    from sequencer.composing.rules import Rules, checked
    from sequencer.composing.styles import PRESETS
    from sequencer.piece import make_piece

    # Before the work of an hour, not after it.
    check_minutes(minutes)
    if clips.exists():
        listed_before(clips, Store.open(settings.store, create=True))
    if code := do_steps(settings, STEPS, source):
        return code
    exported = export_clips(Store.open(settings.store), clips, lineage_of, parents=True)
    if exported.unlisted:
        typer.echo(f"warning: {clips}: {unlisted(exported, clips, settings.store)}", err=True)
    good = sum(clip.seconds for clip in read_clips(clips) if clip.verdict == "good")
    if too_few := good < _LEAST_GOOD * 60 * minutes:
        why = rejected(exported.verdicts, exported.clips)
        typer.echo(f"warning: {why}; they play all the same", err=True)
    rules = checked(Rules(style=PRESETS[style], style_name=style)) if style else None
    return make_piece(
        clips,
        out,
        minutes=minutes,
        seed=settings.seed or 0,
        rules=rules,
        credits=credits,
        keep_all=keep_all or too_few,
    )


def _say(settings: Settings, piece: Piece, clips: Path) -> None:
    left_out = sum(warning.startswith(_LEFT_OUT) for warning in piece.warnings)
    if left_out:
        count = counted(left_out, "clip")
        typer.echo(f"warning: {count} left out; the notes of {piece.score_path} say why", err=True)
    for warning in piece.warnings:
        # What was rejected and plays all the same was counted before; the score names each.
        if not warning.startswith(("kept '", _LEFT_OUT)):
            typer.echo(f"warning: {warning}", err=True)
    if settings.quiet:
        return
    count = counted(len(piece.score.clips), "clip")
    typer.echo(
        f"\nListen to {piece.out}: {clock(piece.score.seconds)} made from {count}.\n"
        f"Each fades between two of the recordings inside the model {settings.checkpoint} and is "
        "decoded anew:\n"
        f"they lie in {clips}, and clips.jsonl there names the parents of each.\n"
        f"{piece.credits_path} credits the authors."
    )
    if piece.remark:
        typer.echo(f"It was {piece.remark}.")


def _cache_of(source: str) -> Path:
    """Return the folder of the user's cache for the recordings of a source."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    whole = source if "://" in source or not Path(source).exists() else str(Path(source).resolve())
    digest = hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:8]
    name = "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(whole).name)[:40]
    return home / "nsynth-batch" / f"{name or 'recordings'}-{digest}"


def _quoted(path: Path) -> str:
    import shlex

    return shlex.quote(str(path))
