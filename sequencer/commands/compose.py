"""`sequencer compose`: a piece from a folder of clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from sequencer.commands.options import (
    CLIP_OPTIONS,
    COMPOSITION_OPTIONS,
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
from sequencer.composing.styles import (
    PRESETS,
    Choose,
    Style,
    StyleName,
    parts_from_text,
    range_from_text,
)
from sequencer.errors import SequencerError
from sequencer.score.score import FadeLaw

_MAX_SHARE = "--max-share"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("compose", rich_help_panel=PIECES)(compose_command)


def compose_command(
    clips: Annotated[
        Path, typer.Argument(help="A clips export, or any folder of sound files.", metavar="CLIPS")
    ],
    out: Out,
    minutes: Annotated[
        float,
        typer.Option(
            "--minutes", help="Length of the composition.", rich_help_panel=COMPOSITION_OPTIONS
        ),
    ] = 2.0,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", help="Another seed, another piece.", rich_help_panel=COMPOSITION_OPTIONS
        ),
    ] = 0,
    sample_rate: Rate = None,
    bits: Bits = 16,
    stems: Stems = None,
    report: Report = False,
    spool: SpoolFolder = None,
    keep_spool: KeepSpool = False,
    title: Title = "",
    artist: Artist = "",
    credits: Credits = None,
    fade_law: Annotated[
        FadeLaw,
        typer.Option(
            "--fade-law",
            help="How clips give way to each other.",
            rich_help_panel=COMPOSITION_OPTIONS,
        ),
    ] = "matched",
    style: Annotated[
        StyleName | None,
        typer.Option(
            "--style",
            help="A preset of what follows; each flag goes before it.",
            rich_help_panel=COMPOSITION_OPTIONS,
        ),
    ] = None,
    layers: Annotated[
        int | None,
        typer.Option(
            "--layers", help="How many play at once.", rich_help_panel=COMPOSITION_OPTIONS
        ),
    ] = None,
    density: Annotated[
        float | None,
        typer.Option(
            "--density",
            help="Share of the time in which a layer sounds, 0.05 to 1.",
            rich_help_panel=COMPOSITION_OPTIONS,
        ),
    ] = None,
    sections: Annotated[
        str | None,
        typer.Option(
            "--sections",
            metavar="MOODS",
            help="steady, sparse, dense, rising, falling, with lengths: sparse,rising:2,dense.",
            rich_help_panel=COMPOSITION_OPTIONS,
        ),
    ] = None,
    tempo: Annotated[
        str | None,
        typer.Option(
            "--tempo",
            metavar="BPM",
            help="Starts and joins fall on the beat; or free.",
            rich_help_panel=COMPOSITION_OPTIONS,
        ),
    ] = None,
    choose: Annotated[
        Choose | None,
        typer.Option(
            "--choose",
            help="What decides which clip comes next.",
            rich_help_panel=COMPOSITION_OPTIONS,
        ),
    ] = None,
    event_seconds: Annotated[
        str | None,
        typer.Option(
            "--event-seconds",
            metavar="A-B",
            help="How long clips play, such as 2-8.",
            rich_help_panel=COMPOSITION_OPTIONS,
        ),
    ] = None,
    fade_seconds: Annotated[
        str | None,
        typer.Option(
            "--fade-seconds",
            metavar="A-B",
            help="How long fades are.",
            rich_help_panel=COMPOSITION_OPTIONS,
        ),
    ] = None,
    plays: Annotated[
        int | None,
        typer.Option(
            "--plays",
            help="How often a clip may play; 0 for no limit.",
            rich_help_panel=COMPOSITION_OPTIONS,
        ),
    ] = None,
    width: Annotated[
        float | None,
        typer.Option(
            "--width",
            help="Of the stereo picture, 0 (mono) to 1.",
            rich_help_panel=COMPOSITION_OPTIONS,
        ),
    ] = None,
    layer_step_db: Annotated[
        float | None,
        typer.Option(
            "--layer-step-db",
            help="By how much each layer is softer than the one before.",
            rich_help_panel=COMPOSITION_OPTIONS,
        ),
    ] = None,
    category: Annotated[
        list[str] | None,
        typer.Option(
            "--category",
            help="Only clips of recordings in it; may be given again.",
            rich_help_panel=CLIP_OPTIONS,
        ),
    ] = None,
    max_share: Annotated[
        str | None,
        typer.Option(
            _MAX_SHARE,
            metavar="PERCENT",
            help="How much of the time a recording may have: 5%.",
            rich_help_panel=CLIP_OPTIONS,
        ),
    ] = None,
    choices: Annotated[
        Path | None,
        typer.Option(
            "--choices",
            metavar="FILE",
            help="What `sequencer audition` kept, rejected.",
            rich_help_panel=CLIP_OPTIONS,
        ),
    ] = None,
    only_kept: Annotated[
        bool,
        typer.Option(
            "--only-kept",
            help="Play nothing but what --choices keeps.",
            rich_help_panel=CLIP_OPTIONS,
        ),
    ] = False,
    target: Annotated[
        str,
        typer.Option(
            "--target",
            metavar="LICENCE",
            help="Play only what goes into it: CC-BY-4.0.",
            rich_help_panel=CLIP_OPTIONS,
        ),
    ] = "",
    allow_nc: Annotated[
        bool,
        typer.Option(
            "--allow-nc", help="Play what excludes commerce, too.", rich_help_panel=CLIP_OPTIONS
        ),
    ] = False,
    allow_nd: Annotated[
        bool,
        typer.Option(
            "--allow-nd",
            help="Play what allows no adaptation, too, for private use.",
            rich_help_panel=CLIP_OPTIONS,
        ),
    ] = False,
    loudness: LoudnessOption = None,
    keep_all: Annotated[
        bool,
        typer.Option(
            "--keep-all",
            help="Play what would be skipped: silence, noise, near-duplicates.",
            rich_help_panel=CLIP_OPTIONS,
        ),
    ] = False,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Compose a piece from a folder of clips.

    Writes OUT, the score beside it (STEM.score.json, which can be edited and rendered again) and
    the credits. The same clips, seed and options give the same bytes; an earlier composition of
    this name is replaced.

    Clips of an export that fell silent, hold a tone or hiss are skipped; in a folder of your own
    sounds only silence and a bare offset are. Of near-duplicates one plays.

    The licence of the result is found first. Clips whose licences do not go together are skipped,
    as few as can be, and the warnings name them.

    Example: sequencer compose clips/ -o piece.wav --minutes 2 --seed 7
    """
    from sequencer.clips.choices import read_choices
    from sequencer.composing.rules import Rules, checked
    from sequencer.errors import SequencerError
    from sequencer.piece import make_piece
    from sequencer.rendering.output_paths import Writing

    flags: dict[str, Any] = {
        "layers": layers,
        "density": density,
        "sections": None if sections is None else parts_from_text(sections),
        "tempo": None if tempo is None else _tempo(tempo),
        "choose": choose,
        "event_seconds": _seconds("event-seconds", event_seconds),
        "fade_seconds": _seconds("fade-seconds", fade_seconds),
        "plays": plays,
        "width": width,
        "layer_step_db": layer_step_db,
    }
    if only_kept and choices is None:
        raise SequencerError("--only-kept goes with --choices FILE, which names what was kept")
    given = {name: value for name, value in flags.items() if value is not None}
    if loudness is not None:
        given["loudness"] = loudness_of(loudness)
    rules = Rules(
        style=replace(PRESETS[style] if style else Style(), **given),
        style_name=style or "",
        categories=tuple(category or ()),
        max_share=1.0 if max_share is None else _share(max_share),
        target=target,
        allow_nc=allow_nc,
        allow_nd=allow_nd,
        most_limiting=Rules.most_limiting if loudness is None else None,
    )
    report_piece(
        make_piece(
            clips,
            out,
            minutes=minutes,
            seed=seed,
            rules=checked(rules),
            choices=None if choices is None else read_choices(choices),
            only_kept=only_kept,
            credits=credits,
            fade_law=fade_law,
            keep_all=keep_all,
            force=force,
            writing=Writing(
                sample_rate=sample_rate,
                bits=bits,
                stems=stems,
                report=report,
                spool=spool,
                keep_spool=keep_spool,
                title=title,
                artist=artist,
            ),
        )
    )


def _seconds(flag: str, text: str | None) -> tuple[float, float] | None:
    return None if text is None else range_from_text(flag, text)


def _tempo(text: str) -> float:
    """Read beats a minute, or ``free``."""
    if text.strip().lower() == "free":
        return 0.0
    try:
        return float(text)
    except ValueError:
        raise SequencerError(f"--tempo {text}: give beats a minute, or free") from None


def _share(text: str) -> float:
    """Read ``5%``, or ``0.05``."""
    number = text.strip()
    try:
        share = float(number.rstrip("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise SequencerError(f"{_MAX_SHARE} {text}: above 0% and at most 100% is expected")
    return share
