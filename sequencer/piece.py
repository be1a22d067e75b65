"""A whole composition on disk: sound, score and credits, made together or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sequencer.audio.samples import resampled_length
from sequencer.clips.choices import Choice
from sequencer.composing.candidates import find_candidates
from sequencer.composing.compose import compose
from sequencer.composing.remarks import remarks
from sequencer.composing.rules import Rules
from sequencer.credits.credits import credits_text
from sequencer.errors import OutputError
from sequencer.rendering.clip_samples import ClipSounds
from sequencer.rendering.join_report import joins_csv, joins_summary, measure_joins
from sequencer.rendering.output_paths import (
    Paths,
    Writing,
    output,
    paths_of,
    refuse_strangers,
    spooled,
)
from sequencer.rendering.render import Rendered, measured, render, render_stem
from sequencer.rendering.spans import SpannedMix
from sequencer.score.clip_folder import with_clip_folder
from sequencer.score.files import score_json
from sequencer.score.score import FadeLaw, Layer, Score
from sequencer.sound_files.output import Form, form_of, wav_container, written_rate
from sequencer.sound_files.tags import Tags, cues_of, tags_of

# Beyond these it is worth a word: how far the loudness may be from what was aimed at, and how much
# the limiter may take, in dB.
_OFF_LU = 0.5
_MUCH_LIMITING = 10.0


@dataclass(frozen=True)
class Piece:
    """What was written, and what a person should know of it.

    Attributes
    ----------
    out, score_path, credits_path : Path
    score : Score
        As it was rendered.
    rendered : Rendered
    spans_mixed : int
        How many spans had to be mixed; the others were in the spool.
    stems : tuple of Path
    joins : str
        The report of the joins in short; empty without one.
    warnings : tuple of str
    remark : str
        Where the piece is softer than its style aims at: by how much, and why. Empty elsewhere.
    """

    out: Path
    score_path: Path
    credits_path: Path
    score: Score
    rendered: Rendered
    spans_mixed: int
    stems: tuple[Path, ...]
    joins: str
    warnings: tuple[str, ...]
    remark: str = ""


def make_piece(
    folder: str | Path,
    out: str | Path,
    *,
    minutes: float,
    seed: int,
    rules: Rules | None = None,
    credits: str | Path | None = None,
    fade_law: FadeLaw = "matched",
    keep_all: bool = False,
    choices: Mapping[str, Choice] | None = None,
    only_kept: bool = False,
    force: bool = False,
    writing: Writing | None = None,
) -> Piece:
    """Survey a folder of clips, compose, render and credit.

    The same clips, seed and options give the same bytes in all files; the score holds the way from
    it to `folder`.

    Parameters
    ----------
    folder : str or Path
        A clips export or any folder of sound files.
    out : str or Path
        Its suffix chooses the format. The score is written beside it as ``STEM.score.json``. A
        composition that is already there is replaced; another file is not, unless `force`.
    minutes, seed, rules, fade_law
        See `sequencer.composing.compose.compose`.
    credits : str or Path, optional
        Where the credits go; ``STEM.credits.txt`` beside `out` by default.
    keep_all : bool
        Whether what `find_candidates` leaves out for its verdict is played too.
    choices : mapping of str to str, optional
        What was kept or rejected by ear, by clip id.
    only_kept : bool
        Whether nothing plays but what was kept.
    force : bool
        Whether `out` may replace a file that is no composition.
    writing : Writing, optional

    Returns
    -------
    Piece

    Raises
    ------
    SequencerError
        See `read_clips`, `find_candidates`, `compose` and `render`; `OutputError` for a file that
        cannot be written.
    OSError
        What reading raised.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, soundfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for number in range(3):
    ...     tone = 0.3 * np.sin(np.arange(32_000) / (10 + 5 * number)) * np.linspace(1, 0, 32_000)
    ...     soundfile.write(folder / f"{number}.wav", tone, 16_000)
    >>> piece = make_piece(folder, folder / "piece.wav", minutes=0.1, seed=7)
    >>> piece.rendered.frames, piece.credits_path.name
    (96000, 'piece.credits.txt')
    """
    writing = writing or Writing()
    paths = paths_of(out, credits, writing, force=force)
    found = find_candidates(folder, keep_all=keep_all, choices=choices, only_kept=only_kept)
    score = compose(
        found.candidates, minutes, seed, rules=rules, fade_law=fade_law, notes=found.notes
    )
    return _write(
        score,
        folder,
        paths,
        writing,
        listen=True,
        write_score=True,
        force=force,
        most_limiting=(rules or Rules()).most_limiting,
    )


def write_piece(
    score: Score,
    folder: str | Path,
    out: str | Path,
    *,
    credits: str | Path | None = None,
    force: bool = False,
    writing: Writing | None = None,
    listen: bool = False,
    unchanged: Path | None = None,
    original: Score | None = None,
) -> Piece:
    """Write a score, perhaps one edited by hand, its sound and its credits.

    Parameters
    ----------
    score : Score
    folder, out, credits, force, writing
        See `make_piece`.
    listen : bool
        Whether the master gain is found anew; it is the score's otherwise.
    unchanged : Path, optional
        The file that the score was read from, if it still is what stands there: it is not
        written again.
    original : Score, optional
        The score as it was read: notes that were added since are warnings. Those before are of
        when it was composed. By default all are.

    Returns
    -------
    Piece

    Raises
    ------
    SequencerError
        See `render`; `OutputError` for a file that cannot be written.
    OSError
        What reading raised.
    """
    writing = writing or Writing()
    paths = paths_of(out, credits, writing, force=force)
    itself = unchanged is not None and paths.is_score(unchanged)
    write_score = listen or not itself
    known = len((original or score).notes)
    return _write(
        score,
        folder,
        paths,
        writing,
        listen=listen,
        write_score=write_score,
        force=force,
        known=known,
    )


def _write(
    score: Score,
    folder: str | Path,
    paths: Paths,
    writing: Writing,
    *,
    listen: bool,
    write_score: bool,
    force: bool,
    known: int = 0,
    most_limiting: float | None = None,
) -> Piece:
    aim = score.master.loudness
    score = with_clip_folder(score, paths.score, Path(folder))
    rate = writing.sample_rate or written_rate(paths.out, score.sample_rate)
    stems = {}
    if writing.stems is not None:
        files = paths.stems(writing.stems, (layer.name for layer in score.layers))
        stems = {layer: files[layer.name] for layer in score.layers}
    for path in stems.values():
        refuse_strangers(path, paths, force=force)
    for path in (paths.out, paths.credits, *stems.values()):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(path, error) from error
    joins = ""
    with spooled(paths, writing) as spool:
        sounds = ClipSounds(score, Path(folder), spool)
        mix = SpannedMix(score, sounds, spool, by_layer=bool(stems))
        loudness = None
        if listen:
            score, loudness = measured(score, mix, rate, most_limiting=most_limiting)
        with contextlib.ExitStack() as stack:
            # Left in reverse, so the sound takes its name last: where it is, the others are.
            sound = stack.enter_context(output(paths.out))
            form = _form(score, paths.out, writing, rate)
            tags = tags_of(score, title=writing.title, artist=writing.artist)
            cues = cues_of(score, rate)
            rendered = render(score, mix, sound, form, tags, cues, loudness=loudness)
            for layer, path in stems.items():
                _stem(score, mix, layer, stack.enter_context(output(path)), form, tags)
            texts = {paths.credits: credits_text(score)}
            if writing.report:
                figures = measure_joins(score, mix.mixer)
                joins = joins_summary(figures)
                texts[paths.joins] = joins_csv(figures)
            if write_score:
                texts[paths.score] = score_json(score)
            for path, text in texts.items():
                part = stack.enter_context(output(path))
                part.write_text(text, encoding="utf-8", newline="\n")
    return Piece(
        paths.out,
        paths.score,
        paths.credits,
        score,
        rendered,
        mix.made,
        tuple(stems.values()),
        joins,
        (*score.notes[known:], *remarks(score), *_of_rendering(score, rendered)),
        _softer(score, aim, most_limiting),
    )


def _form(score: Score, path: Path, writing: Writing, rate: int) -> Form:
    return form_of(
        path,
        sample_rate=rate,
        channels=score.channels,
        frames=resampled_length(score.samples, score.sample_rate, rate),
        bits=writing.bits,
    )


def _stem(score: Score, mix: SpannedMix, layer: Layer, path: Path, form: Form, tags: Tags) -> None:
    container = wav_container(form.frames * form.channels * 4)
    render_stem(
        score,
        mix.layer_blocks(layer),
        path,
        replace(form, container=container, bits=32),
        replace(tags, title=f"{tags.title}, {layer.name}"),
    )


def _softer(score: Score, aim: float | None, most_limiting: float | None) -> str:
    """Return why a score is softer than the aim that it was composed with."""
    found = score.master.loudness
    if aim is None or found is None or found == aim:
        return ""
    return (
        f"brought to {found:g} LUFS, since {aim:g} would take more than {most_limiting:g} dB off "
        f"its peaks; `sequencer compose --loudness {aim:g}` does"
    )


def _of_rendering(score: Score, rendered: Rendered) -> list[str]:
    """Return what a person should know of a rendering."""
    remarks = []
    aim, found = score.master.loudness, rendered.loudness.integrated
    if aim is not None and found is not None and abs(aim - found) > _OFF_LU:
        remarks.append(
            f"the loudness is {found:.1f} LUFS, and the score aims at {aim:g}; "
            f"`sequencer render --loudness {aim:g}` finds the gain for it"
        )
    if rendered.reduction > _MUCH_LIMITING:
        remarks.append(
            f"the limiter takes up to {rendered.reduction:.1f} dB off peaks, which may be audible; "
            "a lower loudness needs less of it"
        )
    return remarks
