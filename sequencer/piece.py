"""A whole composition on disk: sound, score and credits, made together or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sequencer.audio import SAMPLE_RATE
from sequencer.clips import SCORE_SUFFIX
from sequencer.compose import compose
from sequencer.credits import credits_text, unknown_sources
from sequencer.errors import OutputError, SequencerError
from sequencer.files import replacing
from sequencer.render import output_format, render, with_measured_gain
from sequencer.samples import resampled_length
from sequencer.score import FadeLaw, Score
from sequencer.scorefile import read_score, score_json
from sequencer.survey import survey

CREDITS_SUFFIX = ".credits.txt"


@dataclass(frozen=True)
class Piece:
    """What was written, and what to tell who asked for it."""

    out: Path
    score_path: Path
    credits_path: Path
    score: Score
    warnings: tuple[str, ...]


def make_piece(
    folder: str | Path,
    out: str | Path,
    *,
    minutes: float,
    seed: int,
    sample_rate: int = SAMPLE_RATE,
    credits: str | Path | None = None,
    fade_law: FadeLaw = "matched",
    keep_all: bool = False,
    force: bool = False,
) -> Piece:
    """Survey a folder of clips, compose, render and credit.

    The same clips, seed and options give the same bytes in all three files.

    Parameters
    ----------
    folder : str or Path
        A clips export or any folder of sound files.
    out : str or Path
        ``.wav`` or ``.flac``. The score is written beside it as ``STEM.score.json``. A composition
        that is already there is replaced; another file is not, unless `force`.
    minutes, seed, fade_law
        See `sequencer.compose.compose`.
    sample_rate : int
        Of the output in Hz.
    credits : str or Path, optional
        Where the credits go; ``STEM.credits.txt`` beside `out` by default.
    keep_all : bool
        Whether what `survey` leaves out for its verdict is played too.
    force : bool
        Whether `out` may replace a file that is no composition.

    Returns
    -------
    Piece

    Raises
    ------
    SequencerError
        See `read_clips`, `survey`, `compose` and `render`; `OutputError` for a file that cannot
        be written.
    OSError
        What reading raised.
    """
    paths = _paths(out, credits, force=force)
    found = survey(folder, keep_all=keep_all)
    score = compose(found.candidates, minutes, seed, fade_law=fade_law, notes=found.notes)
    score = with_measured_gain(score, folder, sample_rate=sample_rate)
    return _write(score, folder, paths, sample_rate, write_score=True)


def render_piece(
    score_path: str | Path,
    folder: str | Path,
    out: str | Path,
    *,
    sample_rate: int = SAMPLE_RATE,
    credits: str | Path | None = None,
    force: bool = False,
) -> Piece:
    """Render a score again, perhaps one edited by hand, and write its credits.

    The master gain is the score's. A copy of the score is written beside `out`, unless the score
    itself is there.

    Raises
    ------
    SequencerError
        See `read_score` and `render`; `OutputError` for a file that cannot be written.
    OSError
        What reading raised.
    """
    score = read_score(score_path)
    paths = _paths(out, credits, force=force)
    itself = _place(score_path) == _place(paths.score)
    return _write(score, folder, paths, sample_rate, write_score=not itself)


@dataclass(frozen=True)
class _Paths:
    out: Path
    score: Path
    credits: Path


def _paths(out: str | Path, credits: str | Path | None, *, force: bool) -> _Paths:
    sound = Path(out)
    output_format(sound, 0)
    score = sound.with_suffix(SCORE_SUFFIX)
    paths = _Paths(sound, score, Path(credits or sound.with_suffix(CREDITS_SUFFIX)))
    if _place(paths.credits) in (_place(sound), _place(score)):
        raise SequencerError(f"{paths.credits}: the credits need a file of their own")
    try:
        is_folder, is_there = sound.is_dir(), sound.exists()
    except OSError as error:
        raise OutputError(sound, error) from error
    if is_folder:
        raise SequencerError(f"{sound} is a folder; name the file to write")
    if is_there and not score.is_file() and not force:
        raise SequencerError(
            f"{sound} exists and is no composition (no {score.name} beside it); "
            "choose another name, or --force to replace it"
        )
    return paths


def _place(path: str | Path) -> str:
    """Where a path leads; one that only leads to itself, which `Path.resolve` refuses, stays."""
    return os.path.realpath(path)


@contextlib.contextmanager
def _output(path: Path) -> Iterator[Path]:
    """Give a name to write to as `replacing` does; what fails there is about `path`.

    An error that names another file, such as a clip that is gone, is about that file.
    """
    about: list[str | None] = [None]
    try:
        with replacing(path) as part:
            about.append(str(part))
            yield part
    except OSError as error:
        if error.filename not in about:
            raise
        raise OutputError(path, error) from error


def _write(
    score: Score, folder: str | Path, paths: _Paths, sample_rate: int, *, write_score: bool
) -> Piece:
    for path in (paths.out, paths.credits):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(path, error) from error
    with contextlib.ExitStack() as stack:
        # Left in reverse, so the sound takes its name last: where it is, the others are.
        sound = stack.enter_context(_output(paths.out))
        container = output_format(
            paths.out, resampled_length(score.samples, score.sample_rate, sample_rate)
        )
        rendered = render(score, folder, sound, container=container, sample_rate=sample_rate)
        text = stack.enter_context(_output(paths.credits))
        text.write_text(credits_text(score), encoding="utf-8", newline="\n")
        if write_score:
            data = stack.enter_context(_output(paths.score))
            data.write_text(score_json(score), encoding="utf-8", newline="\n")
    warnings = list(score.notes)
    if rendered.clipped:
        warnings.append(
            f"{rendered.clipped:,} samples of {paths.out} went beyond full scale and were cut; "
            "lower 'gain_db' of 'master' in the score"
        )
    unknown = len(unknown_sources(score))
    if unknown:
        warnings.append(
            f"the licence of {unknown} of the recordings is not known; the credits say so"
        )
    return Piece(paths.out, paths.score, paths.credits, score, tuple(warnings))
