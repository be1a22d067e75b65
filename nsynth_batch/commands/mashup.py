"""`reconstruct` and `mashup`: recordings through a model, without a store."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import BEGIN, FIRST, MIXING, MODEL, settings_from
from nsynth_batch.errors import OK, USAGE, CommandError
from nsynth_batch.settings.mash_rule import MOST_GRID, MOST_PARENTS
from nsynth_batch.text import one_line, table
from sequencer.text import clock, counted

if TYPE_CHECKING:
    from nsynth_batch.models.autoencoder import Autoencoder
    from nsynth_batch.pipeline.without_store import Made, Parent
    from nsynth_batch.settings.settings import Settings

_DRAWING = ("precision", "temperature", "seed")
_SECONDS = 10.0
_GRID = 9
_SQUARE = "square.png"
_PROGRESS_SECONDS = 5.0
_NONE = "-"
_WHY_NONE = (
    "nothing to measure: no clear pitch, a stretch, or never more than half of the mix for a "
    "quarter of a second"
)

Out = Annotated[
    Path,
    typer.Option("-o", "--out", metavar="FILE", help="A .wav, .flac, .ogg or .opus to write."),
]
Seconds = Annotated[
    float, typer.Option("--seconds", metavar="S", help="Take so much of the beginning at most.")
]
Picture = Annotated[
    bool,
    typer.Option(
        "--picture",
        help="Draw waveform and spectrogram, source against output, and the encoding, beside FILE; "
        "of --morph the square, a spectrogram a point.",
    ),
]
Replace = Annotated[
    bool, typer.Option("-f", "--replace", help="Replace FILE even if it was not written here.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(rich_help_panel=BEGIN)(reconstruct)
    app.command(rich_help_panel=BEGIN)(mashup)


@settings_from(*MODEL, *_DRAWING, own=FIRST)
def reconstruct(
    settings: Settings,
    a: Annotated[Path, typer.Argument(metavar="A", help="A recording.")],
    out: Out,
    seconds: Seconds = _SECONDS,
    picture: Picture = False,
    replace: Replace = False,
) -> int:
    """Encode a recording and decode it again.

    Prints how much of it the model keeps: of frames with a pitch the share whose pitch came out
    within 50 cents, how periodic the output is there, and how far its partials are the source's
    (1 all, 0 none: noise). No store is needed.

    Example: nsynth-batch reconstruct bell.wav -o again.wav --picture
    """
    from nsynth_batch.pipeline.without_store import reconstruct as make

    def work(
        model: Autoencoder, parents: Sequence[Parent], on_progress: Callable[[int], None]
    ) -> Made:
        return make(
            model,
            parents[0],
            seed=settings.seed or 0,
            temperature=settings.temperature,
            on_progress=on_progress,
        )

    return _make(settings, [a], out, seconds, picture, replace, work)


@settings_from(*MODEL, *MIXING, *_DRAWING, own=FIRST)
def mashup(
    settings: Settings,
    recordings: Annotated[
        list[Path], typer.Argument(metavar="A B [C] [D]", help="Recordings, two to four.")
    ],
    out: Out,
    seconds: Seconds = _SECONDS,
    picture: Picture = False,
    replace: Replace = False,
    morph: Annotated[
        bool,
        typer.Option(
            "--morph",
            help="A square with A B C D at its corners: a clip a point, into folder FILE.",
        ),
    ] = False,
    grid: Annotated[
        int, typer.Option(metavar="N", min=2, max=MOST_GRID, help="Points a side of --morph.")
    ] = _GRID,
) -> int:
    """Cross-fade two, three or four recordings inside a model.

    The result is as long as the shortest one (--length longer: the longest one, while the others
    repeat), fades by --curve and is decoded anew. Prints what it
    keeps of each where that has the larger share, as reconstruct does. No store is needed.

    With --morph four recordings are the corners of a square, as NSynth Super plays it: a clip a
    point by its bilinear weights, with clips.jsonl beside for `sequencer`.

    Example: nsynth-batch mashup bell.wav crow.wav -o both.wav --curve blend --weights 0.2:0.8
    """
    if morph:
        return _morph(settings, recordings, out, seconds, picture, grid)
    from nsynth_batch.pipeline.without_store import mash as make

    def work(
        model: Autoencoder, parents: Sequence[Parent], on_progress: Callable[[int], None]
    ) -> Made:
        return make(
            model,
            parents,
            rule,
            seed=settings.seed or 0,
            temperature=settings.temperature,
            on_progress=on_progress,
        )

    if not 2 <= len(recordings) <= MOST_PARENTS:
        raise CommandError(
            f"{counted(len(recordings), 'recording')}: a mash-up is of two to {MOST_PARENTS}", USAGE
        )
    rule = settings.mash_rule(len(recordings))
    return _make(settings, recordings, out, seconds, picture, replace, work)


def _morph(
    settings: Settings,
    recordings: Sequence[Path],
    folder: Path,
    seconds: float,
    picture: bool,
    grid: int,
) -> int:
    from nsynth_batch.models.loading import memory_errors_as_usage
    from nsynth_batch.pipeline.model import open_autoencoder
    from nsynth_batch.pipeline.morph import morph, refuse_others
    from sequencer.audio.recording import load_audio
    from sequencer.files import write_output
    from sequencer.optional import extra
    from sequencer.pictures.square import square

    if len(recordings) != MOST_PARENTS:
        raise CommandError(
            f"{counted(len(recordings), 'recording')}: a --morph has four corners", USAGE
        )
    if {"curve", "weights"} & settings.model_fields_set:
        raise CommandError("--morph has weights of its own: leave out --curve and --weights", USAGE)
    rule = settings.mash_rule(len(recordings))
    refuse_others(folder, grid, _SQUARE if picture else "")
    if picture:
        extra("matplotlib", "matplotlib")
    model = open_autoencoder(settings)
    parents = _parents(recordings, model, seconds)
    with memory_errors_as_usage():
        clips = morph(
            model,
            parents,
            rule,
            grid,
            folder,
            seed=settings.seed or 0,
            temperature=settings.temperature,
            on_progress=_Progress(parents, model.sample_rate, _longest(settings), grid**2),
        )
    if picture:
        sounds = (load_audio(folder / clip.file, model.sample_rate) for clip in clips)
        titles = [one_line(path.name) for path in recordings]
        write_output(folder / _SQUARE, square(sounds, model.sample_rate, titles))
    typer.echo(
        f"{folder}: {counted(len(clips), 'clip')} of {clips[0].seconds:.2f} s by "
        f"{settings.checkpoint}; `sequencer audition {folder}` plays them"
    )
    return OK


def _parents(paths: Sequence[Path], model: Autoencoder, seconds: float) -> list[Parent]:
    from nsynth_batch.pipeline.without_store import read_parent

    if not 0 < seconds <= 3600:
        raise CommandError(f"--seconds {seconds:g}: give a length above 0, at most 3600", USAGE)
    parents = [read_parent(path, model, seconds) for path in paths]
    for parent in parents:
        for note in parent.notes:
            _warn(f"{parent.path}: {note}")
        if parent.cut:
            _warn(f"{parent.path}: the first {seconds:g} s are taken; --seconds takes more")
    return parents


def _longest(settings: Settings) -> Callable[[Sequence[int]], int]:
    return max if settings.length == "longer" else min


def _make(
    settings: Settings,
    paths: Sequence[Path],
    out: Path,
    seconds: float,
    picture: bool,
    replace: bool,
    work: Callable[[Autoencoder, Sequence[Parent], Callable[[int], None]], Made],
) -> int:
    from nsynth_batch.models.loading import memory_errors_as_usage
    from nsynth_batch.pipeline.model import open_autoencoder
    from nsynth_batch.pipeline.without_store import credits_of

    drawn = out.with_suffix(".png") if picture else None
    _refuse(out, drawn, paths, replace)
    model = open_autoencoder(settings)
    parents = _parents(paths, model, seconds)
    with memory_errors_as_usage():
        made = work(model, parents, _Progress(parents, model.sample_rate, _longest(settings)))
    licence = _write(made, out, drawn)
    facts = model.facts()
    typer.echo(
        f"{out}: {len(made.samples) / made.sample_rate:.2f} s by {settings.checkpoint} "
        f"({facts['engine']}, {facts['precision']})" + (f", drawn in {drawn}" if drawn else "")
    )
    typer.echo(_measures(made))
    for line in credits_of(made):
        typer.echo(f"made from {line}")
    typer.echo(f"licence: {licence or 'cannot be stated'}")
    return OK


def _measures(made: Made) -> str:
    rows = [["", "seconds", "pitch kept", "periodicity", "of the source", "partials"]]
    for parent, (kept, own) in zip(made.parents, made.kept(), strict=True):
        rows.append(
            [
                one_line(parent.path.name),
                f"{len(parent.samples) / made.sample_rate:.2f}",
                _NONE if not kept.voiced else f"{kept.pitch_kept:.0%}",
                *(_NONE if not kept.voiced else f"{f.periodicity:.2f}" for f in (kept, own)),
                _NONE if not kept.audible else f"{kept.partials:.2f}",
            ]
        )
    why = f"\n{_NONE}: {_WHY_NONE}" if any(_NONE in row for row in rows) else ""
    return table(rows) + why


def _write(made: Made, out: Path, drawn: Path | None) -> str:
    """Write the result and its picture, and return its licence."""
    from nsynth_batch.pipeline.without_store import write_sound
    from sequencer.files import write_output
    from sequencer.pictures.comparison import comparison

    out.parent.mkdir(parents=True, exist_ok=True)
    licence, warning = write_sound(made, out)
    if warning:
        _warn(warning)
    if drawn is not None:
        sounds = [(parent.path.name, parent.samples) for parent in made.parents]
        encoding = (
            f"what {out.name} is decoded from, a colour a channel",
            made.mixture.encoding,
            made.hop / made.sample_rate,
        )
        sounds.append((out.name, made.samples))
        write_output(drawn, comparison(sounds, made.sample_rate, encoding))
    return licence


def _refuse(out: Path, drawn: Path | None, paths: Sequence[Path], replace: bool) -> None:
    """Refuse, before any work, an output that cannot be written or is of other origin."""
    from nsynth_batch.pipeline.without_store import is_ours
    from sequencer.optional import extra
    from sequencer.sound_files.output import form_of

    form_of(out, sample_rate=16_000, channels=1, frames=0)
    for path in paths:
        for made in filter(None, (out, drawn)):
            if os.path.realpath(made) == os.path.realpath(path):
                raise CommandError(f"{made}: this would replace the source; name another", USAGE)
    for made in filter(None, (out, drawn)):
        if made.is_dir():
            raise CommandError(f"{made} is a folder; name the file to write", USAGE)
    ours = is_ours(out)
    for made in filter(None, (out, drawn)):
        if made.exists() and not ours and not replace:
            raise CommandError(
                f"{made} exists and was not written by this command; choose another name, or "
                "--replace to replace it",
                USAGE,
            )
    if drawn is not None:
        extra("matplotlib", "matplotlib")


def _warn(text: str) -> None:
    typer.echo(f"warning: {text}", err=True)


class _Progress:
    """Prints how much is decoded, every few seconds."""

    def __init__(
        self,
        parents: Sequence[Parent],
        sample_rate: int,
        longest: Callable[[Sequence[int]], int],
        clips: int = 1,
    ) -> None:
        self._all = clips * longest([len(parent.samples) for parent in parents])
        self._rate = sample_rate
        self._done = 0
        self._next = time.monotonic() + _PROGRESS_SECONDS

    def __call__(self, samples: int) -> None:
        self._done += samples
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _PROGRESS_SECONDS
            done, whole = (clock(n / self._rate) for n in (self._done, self._all))
            typer.echo(f"decoded {done} of {whole}", err=True)
