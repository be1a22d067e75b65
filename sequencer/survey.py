"""A look at every clip before composing: which can be read, how loud they are, which are bad."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sequencer.audio import SAMPLE_RATE, open_recording
from sequencer.clips import Clip, is_export, read_clips
from sequencer.errors import AudioError, SequencerError
from sequencer.files import naming
from sequencer.gate import verdict
from sequencer.measures import Measures, Meter

LEAST_SECONDS = 0.05
UNPLAYABLE = frozenset({"silence", "dc"})
"""Verdicts for which a sound of one's own is left out: there is nothing in it to hear."""


@dataclass(frozen=True)
class Candidate:
    """A clip that can be played.

    Attributes
    ----------
    clip : Clip
        With sample_rate, samples, seconds, measures, verdict and sha256 as found in the file.
    length : int
        Samples at 16 kHz.
    measures : Measures
        Taken at 16 kHz.
    """

    clip: Clip
    length: int
    measures: Measures


@dataclass(frozen=True)
class Survey:
    """The clips that may play, and a note for each that may not."""

    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]


def survey(folder: str | Path, *, keep_all: bool = False) -> Survey:
    """Open and measure every clip of a folder, one block at a time.

    A clip that cannot be read, or is shorter than `LEAST_SECONDS`, is left out with a note; so is,
    unless `keep_all`, a clip of an export whose verdict is not ``good``: the model failed there.
    In a plain folder a held tone, noise or clipping are as somebody made them, so they play, with
    a note; only what `UNPLAYABLE` names is left out.

    Raises
    ------
    SequencerError
        As `read_clips` does, and when no clip is left.
    """
    root = Path(folder)
    candidates: list[Candidate] = []
    notes: list[str] = []
    judged: dict[str, int] = {}
    clips = read_clips(root)
    exported = is_export(root)
    for clip in clips:
        try:
            candidate = _measured(clip, root)
        except AudioError as error:
            notes.append(f"left out {clip.file!r}: {error}")
            continue
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
            notes.append(f"left out {clip.file!r}: {error.strerror}")
            continue
        found = candidate.clip
        if found.verdict != "good":
            if not keep_all and (exported or found.verdict in UNPLAYABLE):
                judged[found.verdict] = judged.get(found.verdict, 0) + 1
                notes.append(f"left out {clip.file!r}: {found.verdict}: {found.verdict_reason}")
                continue
            notes.append(f"kept {clip.file!r}: {found.verdict}: {found.verdict_reason}")
        candidates.append(candidate)
    if not candidates:
        raise SequencerError(_nothing_left(root, exported, len(clips), judged, notes))
    return Survey(tuple(candidates), tuple(notes))


def _measured(clip: Clip, root: Path) -> Candidate:
    meter = Meter(SAMPLE_RATE)
    length = 0
    path = root / clip.file
    with naming(path), path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        with open_recording(stream) as recording:
            rate = recording.sample_rate
            for block in recording.mono_blocks():
                meter.add(block)
                length += len(block)
    seconds = length / SAMPLE_RATE
    if seconds < LEAST_SECONDS:
        raise AudioError("too-short", f"{seconds:.3f} s, and {LEAST_SECONDS:g} s are the least")
    measures = meter.measures()
    word, reason = verdict(measures)
    found = replace(
        clip,
        sample_rate=rate,
        samples=length,
        seconds=round(seconds, 7),
        measures=asdict(measures),
        verdict=word,
        verdict_reason=reason,
        sha256=digest,
    )
    return Candidate(found, length, measures)


def _nothing_left(
    root: Path, exported: bool, count: int, judged: dict[str, int], notes: list[str]
) -> str:
    things = "clips" if exported else "sounds"
    if judged:
        words = ", ".join(f"{number} {word}" for word, number in sorted(judged.items()))
        unreadable = count - sum(judged.values())
        others = f", {unreadable} unreadable" if unreadable else ""
        found = "is good" if exported else "has anything to hear"
        what_to_do = "train longer" if exported else "give other sounds"
        return (
            f"none of the {count} {things} in {root} {found} ({words}{others}); "
            f"{what_to_do}, or use --keep-all to compose with them anyway"
        )
    return f"none of the {count} {things} in {root} can be read; the first: {notes[0]}"
