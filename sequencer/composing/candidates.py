"""A look at every clip before composing: which can be read, how loud they are, which are bad."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sequencer.audio.recording import DEFAULT_SAMPLE_RATE, open_recording
from sequencer.clips.choices import Choice
from sequencer.clips.clips import Clip, is_export, read_folder
from sequencer.clips.fingerprint import Fingerprint, near_duplicates
from sequencer.clips.gate import KEEP_THE_PITCH, NEAR_DUPLICATE, Origin, rejected, verdict
from sequencer.clips.measures import Measures, Meter
from sequencer.errors import AudioError, SequencerError
from sequencer.files import naming
from sequencer.rights.claims import lacks_author
from sequencer.text import counted, flattened

LEAST_SECONDS = 0.05
UNPLAYABLE = frozenset({"silence", "dc"})
"""Verdicts for which a sound of one's own is skipped: it is inaudible."""
_MOST_NAMED = 5

OnProgress = Callable[[int, int], None]
"""Takes how many of how many are done."""


@dataclass(frozen=True)
class Candidate:
    """A clip that can be played.

    Attributes
    ----------
    clip : Clip
        With sample_rate, samples, seconds, measures, verdict and sha256 as found in the file.
    length : int
        Samples at `sample_rate`.
    measures : Measures
        Taken at `sample_rate`.
    sample_rate : int
        In Hz: one for all clips that are composed together, whatever the files have.
    """

    clip: Clip
    length: int
    measures: Measures
    sample_rate: int


@dataclass(frozen=True)
class Candidates:
    """The clips that may play with their fingerprints, and a note for each that may not."""

    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]
    fingerprints: tuple[Fingerprint, ...] = ()


def find_candidates(
    folder: str | Path,
    *,
    keep_all: bool = False,
    choices: Mapping[str, Choice] | None = None,
    only_kept: bool = False,
    sample_rate: int | None = None,
    on_progress: OnProgress | None = None,
) -> Candidates:
    """Open and measure every clip of a folder, one block at a time.

    A clip that cannot be read, or is shorter than `LEAST_SECONDS`, is left out with a note; so is,
    unless `keep_all`, a clip of an export whose verdict is not ``good``: the model failed there.
    In a plain folder a held tone, noise or clipping may be meant, so they play, with
    a note; only what `UNPLAYABLE` names is left out. Of clips that sound nearly the same the first
    one stays. What the choices reject never plays, and what they keep plays in any case; with
    `only_kept` nothing else does.

    All are measured at one rate: `sample_rate` or, without it, the one that most of them have, so
    that a composition of them loses nothing. `on_progress` gets how many clips of how many are
    looked through, at last all of them.

    Raises
    ------
    SequencerError
        As `read_folder` does, and when no clip is left.
    """
    root = Path(folder)
    chosen = choices or {}
    listed = read_folder(root)
    clips = _kept(listed.clips, chosen) if only_kept else listed.clips
    exported = is_export(root)
    notes = [*listed.warnings, *_unknown_choices(chosen, listed.clips)]
    left_out: Counter[str] = Counter()
    rate = sample_rate or common_rate(clips, root)
    found: list[_Measured] = []
    for number, clip in enumerate(clips):
        if on_progress:
            on_progress(number, len(clips))
        if chosen.get(clip.clip_id) == "reject":
            left_out["rejected"] += 1
            notes.append(f"left out {clip.file!r}: rejected by ear")
            continue
        try:
            measured = _measured(clip, root, rate)
        except AudioError as error:
            notes.append(f"left out {clip.file!r}: {error}")
            continue
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
            notes.append(f"left out {clip.file!r}: {error.strerror}")
            continue
        notes += measured.notes
        word, reason = measured.candidate.clip.verdict, measured.candidate.clip.verdict_reason
        if word != "good":
            plays = keep_all or chosen.get(clip.clip_id) == "keep"
            if not plays and (exported or word in UNPLAYABLE):
                left_out[word] += 1
                notes.append(f"left out {clip.file!r}: {word}: {reason}")
                continue
            notes.append(f"kept {clip.file!r}: {word}: {reason}")
        found.append(measured)
    if on_progress:
        on_progress(len(clips), len(clips))
    candidates, fingerprints = [], []
    alike = _alike(found, chosen)
    for number, measured in enumerate(found):
        candidate = measured.candidate
        if number in alike:
            word = "kept" if keep_all else "left out"
            notes.append(f"{word} {candidate.clip.file!r}: {NEAR_DUPLICATE}: {alike[number]}")
            if not keep_all:
                continue
            if candidate.clip.verdict == "good":
                candidate = _with_verdict(candidate, NEAR_DUPLICATE, alike[number])
        candidates.append(candidate)
        fingerprints.append(measured.fingerprint)
    if not candidates:
        raise SequencerError(_nothing_left(root, exported, len(clips), left_out, notes))
    notes += _unnamed(candidates)
    if exported and (words := rejected(left_out, len(clips))):
        notes.append(f"{words}; --keep-all plays them too")
    return Candidates(tuple(candidates), tuple(notes), tuple(fingerprints))


def _kept(clips: Sequence[Clip], chosen: Mapping[str, Choice]) -> tuple[Clip, ...]:
    kept = tuple(clip for clip in clips if chosen.get(clip.clip_id) == "keep")
    if not kept:
        raise SequencerError(
            "the choices keep no clip that is here; keep some in `sequencer audition`, "
            "or leave out --only-kept"
        )
    return kept


def common_rate(clips: Sequence[Clip], root: Path) -> int:
    """Return the sample rate that most clips have, the highest of several.

    An export states it for each clip; other files are opened.
    """
    rates: Counter[int] = Counter()
    for clip in clips:
        rate = clip.sample_rate
        if not rate:
            try:
                with open_recording(root / clip.file) as recording:
                    rate = recording.sample_rate
            except (AudioError, OSError):
                # It is named with its reason where it is measured.
                continue
        rates[rate] += 1
    if not rates:
        return DEFAULT_SAMPLE_RATE
    return max((count, rate) for rate, count in rates.items())[1]


def _unnamed(candidates: Sequence[Candidate]) -> Iterator[str]:
    """Warn of recordings whose licence asks for an author that is unknown."""
    parents = {p.file_id: p.rights for each in candidates for p in each.clip.parents}
    unnamed = [rights for rights in parents.values() if lacks_author(rights)]
    if unnamed:
        shown = ", ".join(f"{r.title or 'untitled'} ({r.licence})" for r in unnamed[:_MOST_NAMED])
        more = f" and {len(unnamed) - _MOST_NAMED} more" if len(unnamed) > _MOST_NAMED else ""
        yield (
            "author unknown, although the licence asks for a credit: "
            f"{flattened(shown)}{more}; the credits cannot name anybody"
        )


@dataclass(frozen=True)
class _Measured:
    candidate: Candidate
    fingerprint: Fingerprint
    notes: tuple[str, ...]


def _alike(found: Sequence[_Measured], chosen: Mapping[str, Choice]) -> dict[int, str]:
    """Return of which clip each one is a near-duplicate, by the places of those left out."""
    keep = [chosen.get(measured.candidate.clip.clip_id) == "keep" for measured in found]
    alike = near_duplicates([measured.fingerprint for measured in found], keep)
    return {
        place: like.reason(found[like.other].candidate.clip.file) for place, like in alike.items()
    }


def _with_verdict(candidate: Candidate, word: str, reason: str) -> Candidate:
    return replace(candidate, clip=replace(candidate.clip, verdict=word, verdict_reason=reason))


def _unknown_choices(chosen: Mapping[str, Choice], clips: Sequence[Clip]) -> list[str]:
    strangers = sorted(chosen.keys() - {clip.clip_id for clip in clips})
    if not strangers:
        return []
    number = counted(len(strangers), "clip")
    return [f"the choices name {number} that cannot be found here, such as {strangers[0]!r}"]


def _measured(clip: Clip, root: Path, sample_rate: int) -> _Measured:
    meter = Meter(sample_rate)
    length = 0
    path = root / clip.file
    with naming(path), path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        with open_recording(stream) as recording:
            rate = recording.sample_rate
            for block in recording.mono_blocks(sample_rate):
                meter.add(block)
                length += len(block)
            odd = tuple(f"{clip.file!r}: {note}" for note in recording.notes)
    seconds = length / sample_rate
    if seconds < LEAST_SECONDS:
        raise AudioError("too-short", f"{seconds:.3f} s, and {LEAST_SECONDS:g} s are the least")
    measures = meter.measures()
    word, reason = verdict(measures, Origin.from_json(clip.origin), clip.trained_on)
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
    return _Measured(Candidate(found, length, measures, sample_rate), meter.fingerprint(), odd)


def _nothing_left(
    root: Path, exported: bool, count: int, left_out: Mapping[str, int], notes: list[str]
) -> str:
    thing = "clip" if exported else "sound"
    if left_out:
        words = ", ".join(f"{number} {word}" for word, number in sorted(left_out.items()))
        unreadable = count - sum(left_out.values())
        others = f", {unreadable} unreadable" if unreadable else ""
        found = "is good" if exported else "has anything to hear"
        what_to_do = "train longer" if exported else "give other sounds"
        if exported and left_out.get("noise"):
            what_to_do = KEEP_THE_PITCH
        return (
            f"none of the {counted(count, thing)} in {root} {found} ({words}{others}); "
            f"{what_to_do}, or use --keep-all to compose with them anyway"
        )
    return f"none of the {counted(count, thing)} in {root} can be read; the first: {notes[0]}"
