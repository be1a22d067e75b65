"""Where a piece is written and how: checked before anything is done, placed when all is well."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sequencer.clips.clips import SCORE_SUFFIX
from sequencer.errors import OutputError, SequencerError
from sequencer.files import replacing, write_output
from sequencer.rendering.render import check_rate
from sequencer.rendering.spool import Spool
from sequencer.sound_files.output import OUTPUT_RATES, form_of, written_rate

CREDITS_SUFFIX = ".credits.txt"

# What a file that was written here before has within so many bytes of its beginning, by its form.
_MARK_WITHIN = 1 << 16
_MARKS: Mapping[str, bytes] = {
    "text": b"Credits\n=======\n",
    "html": b"<title>Credits</title>",
    "json": b'"schema": "sequencer-credits"',
    "vtt": b"WEBVTT\n\n1\n",
    "labels": b"\tsection: ",
    "otio": b'"sequencer": {',
    "reaper": b'<REAPER_PROJECT 0.1 "6.0" 0\n  SAMPLERATE ',
    "midi": b"composition, seed ",
}
JOINS_SUFFIX = ".joins.csv"


@dataclass(frozen=True)
class Writing:
    """How the sound of a piece is written.

    Attributes
    ----------
    sample_rate : int, optional
        Of the output in Hz: that of the score by default or, where the format does not have it,
        the next one up.
    bits : int
        16 or 24, for WAV and FLAC.
    stems : Path, optional
        A folder that gets a float WAV of each layer, ``STEM-LAYER.wav``.
    report : bool
        Whether every join is measured into ``STEM.joins.csv``.
    spool : Path, optional
        Where the spans that are mixed already are kept until all is done; ``.NAME.spool`` beside
        the output by default.
    keep_spool : bool
        Whether they stay there, so that an edited score needs only what was touched.
    title, artist : str
        For the tags; style and seed, and the authors of the recordings, by default.
    """

    sample_rate: int | None = None
    bits: int = 16
    stems: Path | None = None
    report: bool = False
    spool: Path | None = None
    keep_spool: bool = False
    title: str = ""
    artist: str = ""


@dataclass(frozen=True)
class Paths:
    """Where the parts of a piece go."""

    out: Path
    score: Path
    credits: Path
    joins: Path
    spool: Path

    def stems(self, folder: Path, layers: Iterable[str]) -> dict[str, Path]:
        """Name the file of each layer, without spaces unless two would then be one."""
        names = list(layers)
        plain = {name: name.replace(" ", "-") for name in names}
        several = Counter(plain.values())
        return {
            name: folder
            / f"{self.out.stem}-{plain[name] if several[plain[name]] == 1 else name}.wav"
            for name in names
        }

    def is_score(self, path: Path) -> bool:
        """Whether a path leads to the score that stands beside the output."""
        return _place(path) == _place(self.score)


def paths_of(
    out: str | Path, credits: str | Path | None, writing: Writing, *, force: bool
) -> Paths:
    """Decide where everything goes, and refuse at once what cannot be.

    Raises
    ------
    SequencerError
        A format, depth or rate that is not written, a folder, or a file that is no composition;
        `OutputError` for a path that cannot be looked at.
    """
    sound = Path(out)
    rate = writing.sample_rate or written_rate(sound, OUTPUT_RATES[0])
    check_rate(rate)
    form_of(sound, sample_rate=rate, channels=1, frames=0, bits=writing.bits)
    paths = Paths(
        sound,
        sound.with_suffix(SCORE_SUFFIX),
        Path(credits or sound.with_suffix(CREDITS_SUFFIX)),
        sound.with_suffix(JOINS_SUFFIX),
        writing.spool or sound.with_name(f".{sound.name}.spool"),
    )
    if _place(paths.credits) in (_place(sound), _place(paths.score)):
        raise SequencerError(f"{paths.credits}: the credits need a file of their own")
    for path in (sound, paths.credits):
        refuse_strangers(path, paths, force=force)
    return paths


def refuse_strangers(path: Path, paths: Paths, *, force: bool) -> None:
    """Refuse to replace a folder, or, unless forced, a file that no composition came with.

    Raises
    ------
    SequencerError
        Where `path` may not be written; `OutputError` where it cannot be looked at.
    """
    try:
        is_folder, is_there = path.is_dir(), path.exists()
    except OSError as error:
        raise OutputError(path, error) from error
    if is_folder:
        raise SequencerError(f"{path} is a folder; name the file to write")
    if is_there and not paths.score.is_file() and not force:
        raise SequencerError(
            f"{path} exists and is no composition (no {paths.score.name} beside "
            f"{'it' if path == paths.out else paths.out}); "
            "choose another name, or --replace to replace it"
        )


def write_form(
    path: Path, content: str | bytes, form: str, *, score: Path, replace: bool = False
) -> None:
    """Write what was made of a score, such as its credits, in one of the forms of `_MARKS`.

    Parameters
    ----------
    path : Path
    content : str or bytes
    form : str
        ``text``, ``html``, ``json``, ``vtt``, ``labels``, ``otio``, ``reaper`` or ``midi``.
    score : Path
        What it was made of; `path` must not lead there.
    replace : bool
        Whether a file may be replaced that is not of this form and from here.

    Raises
    ------
    SequencerError
        Where `path` may not be written; `OutputError` where it cannot be.
    """
    try:
        if path.is_dir():
            raise SequencerError(f"{path} is a folder; name the file to write")
        if not replace and path.exists() and _place(path) != _place(score):
            with path.open("rb") as stream:
                begins = stream.read(_MARK_WITHIN)
            if begins and _MARKS[form] not in begins:
                raise SequencerError(
                    f"{path} exists and was not written by this command as {form}; "
                    "choose another name, or --replace to replace it"
                )
    except OSError as error:
        raise OutputError(path, error) from error
    write_output(path, content, keeping=score)


def _place(path: str | Path) -> str:
    """Where a path leads; one that only leads to itself, which `Path.resolve` refuses, stays."""
    return os.path.realpath(path)


@contextlib.contextmanager
def output(path: Path) -> Iterator[Path]:
    """Yield a name to write to as `replacing` does; what fails there is about `path`.

    An error that names another file, such as a missing clip, is about that file.
    """
    try:
        with replacing(path) as part:
            yield part
    except OSError as error:
        if error.filename not in (None, str(path)):
            raise
        raise OutputError(path, error) from error


@contextlib.contextmanager
def spooled(paths: Paths, writing: Writing) -> Iterator[Spool]:
    """Open the spool; without a name of its own it is part of the output."""
    try:
        with Spool(paths.spool, keep=writing.keep_spool) as spool:
            yield spool
    except OutputError as error:
        if writing.spool is not None or error.path != paths.spool:
            raise
        raise OutputError(paths.out, error.cause) from error
