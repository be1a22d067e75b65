"""The gate: whether a clip is worth hearing, by what was measured of it.

A sample-level network that fails, falls silent, holds a tone, hisses, is trapped in a loop, or
plays what it was trained on. `verdict` names these, and clipping and an offset beside them, with
the measured reason. A recording may well be tonal or noisy; it is a failure when it is also
*steady*, which sounds that happen are not: that is how a held tone differs from a bell and hiss
from a cymbal.

A network that has lost the partials of its source hisses with the source's envelope, which is
steady in no way. Where a clip comes with its `Origin` noise is known by its texture, and by what it
was made from: of wind and breath noise is what is wanted, of a bell it is not. Loops, copies and
fades are looked for in generated clips alone, whose `Origin` says so: a recording may well end in
silence, and a drum machine's loops; so may a clip, where its corpus has such a loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, get_args

import numpy as np

from sequencer.clips.corpus import Corpus
from sequencer.clips.course import Course
from sequencer.clips.measures import LINES, Measures
from sequencer.clips.texture import Texture
from sequencer.text import flattened

Verdict = Literal["good", "silence", "fade", "tone", "loop", "noise", "copy", "clipped", "dc"]
NEAR_DUPLICATE = "near-duplicate"
"""The verdict on a clip that `sequencer.clips.fingerprint` finds to sound like another one."""

FAILURES = frozenset(get_args(Verdict)) - {"good"}
"""What a clip of an export is rejected as."""
KEEP_THE_PITCH = (
    "take `--checkpoint spectral`, which keeps the pitch of any sound, or train a model on yours: "
    "`nsynth-batch train`"
)
"""What to do about noise."""

SILENCE_RMS = 0.001
"""Quieter than -60 dBFS without its offset: silence."""
DC_OFFSET = 0.02
"""An offset below 2 % of full scale is never called one …"""
DC_SHARE = 0.25
"""… and above that, when it carries a quarter of the power (or is `DC_LARGE` at all)."""
DC_LARGE = 0.2
CLIPPED_SHARE = 0.02
"""Share of samples beyond `sequencer.clips.measures.CLIPPED_LEVEL` beside an equal one: clipped."""
TONE_SHARE = 0.8
"""Most power within a few spectral lines (a sine has 1.00, a sawtooth 0.87) …"""
TONE_STEADY_DB = 1.0
"""… whose level hardly moves."""
NOISE_FLATNESS = 0.2
"""The averaged spectrum is near to white (white noise has 0.99, pink noise 0.5) …"""
NOISE_STEADY_DB = 1.2
"""… and its level hardly moves."""
COPIED_SHARE = 0.5
"""So much of a clip is in recordings that its model was trained on: a copy."""
STEADY_SECONDS = 0.25
"""Shorter clips are not tested for steadiness."""


@dataclass(frozen=True)
class Origin:
    """What a clip that a model made is like, beside what it was made from.

    Attributes
    ----------
    frames, structure, voiced
        Of the clip: see `sequencer.clips.texture.Texture`; 0 where it was not measured.
    source_structure, source_voiced : float, optional
        Of a decoded clip, the parent's that has the most structure among those that weigh enough;
        of a generated one, the recording's of its corpus that has the least. None where none is
        known or long enough.
    partials : float, optional
        How far the clip has that parent's partials, 1 all, 0 none.
    likeness, period, since, silent_from : float, optional
        Of a generated clip: see `sequencer.clips.course.Course`.
    source_period : float, optional
        The period of a recording of its corpus that loops in time with it.
    copied, copied_at, copied_since : float, optional
        How much of it is in the recordings of its corpus, and where that begins, there and in the
        clip: see `sequencer.clips.passages.Copied`.
    copied_from : int, optional
        Which recording of the corpus that is, counted from 0.
    """

    frames: int
    structure: float
    voiced: float
    source_structure: float | None = None
    source_voiced: float | None = None
    partials: float | None = None
    likeness: float | None = None
    period: float | None = None
    since: float | None = None
    silent_from: float | None = None
    source_period: float | None = None
    copied: float | None = None
    copied_at: float | None = None
    copied_since: float | None = None
    copied_from: int | None = None

    @property
    def noisy(self) -> bool:
        """Whether the clip is noise by itself."""
        return Texture(self.frames, self.structure, self.voiced).noisy

    @property
    def of_noise(self) -> bool:
        """Whether what it was made from is known, and is noise."""
        if self.source_structure is None or self.source_voiced is None:
            return False
        return Texture(self.frames, self.source_structure, self.source_voiced).noisy

    def course(self, seconds: float) -> Course | None:
        """Return how a generated clip of this length goes on; None of others."""
        if self.silent_from is None:
            return None
        return Course(
            self.likeness or 0.0, self.period or 0.0, self.since or 0.0, self.silent_from, seconds
        )

    def to_json(self) -> dict[str, float]:
        """Return what is known, as clips.jsonl holds it."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, values: Mapping[str, float]) -> Origin | None:
        """Read what `to_json` wrote; None where there is nothing."""
        if not values:
            return None
        return cls(
            frames=int(values.get("frames", 0)),
            structure=values.get("structure", 0.0),
            voiced=values.get("voiced", 0.0),
            **{name: values[name] for name in _OPTIONAL if name in values},
            copied_from=int(values["copied_from"]) if "copied_from" in values else None,
        )


_OPTIONAL = (
    *("source_structure", "source_voiced", "partials", "likeness", "period", "since"),
    *("silent_from", "source_period", "copied", "copied_at", "copied_since"),
)


def verdict(
    measures: Measures, origin: Origin | None = None, corpus: Corpus | None = None
) -> tuple[Verdict, str]:
    """Return the verdict on a clip by its measures, and by where it comes from.

    Parameters
    ----------
    measures : Measures
    origin : Origin, optional
        Of a clip that a model made; a sound without one is called noise only if it is steady, and
        no loop, copy or fade.
    corpus : Corpus, optional
        What the model was trained on, to name the recording that a clip copies.

    Returns
    -------
    verdict : str
        ``good``, or the first of ``dc``, ``silence``, ``fade``, ``clipped``, ``tone``, ``loop``,
        ``noise``, ``copy`` that holds.
    reason : str
        One phrase with the numbers that decided; empty for ``good``.
    """
    m = measures
    offset = abs(m.dc)
    moving = float(np.sqrt(max(0.0, m.rms**2 - m.dc**2)))
    share = m.dc**2 / m.rms**2 if m.rms > 0 else 0.0
    if offset >= DC_LARGE or (offset >= DC_OFFSET and share >= DC_SHARE):
        return "dc", f"an offset of {m.dc:+.3f} carries {share:.0%} of the power"
    if moving < SILENCE_RMS:
        level = f"{20 * np.log10(moving):.0f} dBFS" if moving > 1e-6 else "zero"
        return "silence", f"rms is {level}, the limit {20 * np.log10(SILENCE_RMS):.0f} dBFS"
    course = None if origin is None else origin.course(m.seconds)
    if course is not None and course.fades:
        return "fade", f"it falls silent at {course.silent_from:.1f} s of {m.seconds:.1f} s"
    if m.clipped >= CLIPPED_SHARE:
        return "clipped", f"{m.clipped:.1%} of the samples stand at full scale"
    if m.seconds < STEADY_SECONDS:
        return "good", ""
    if m.lines >= TONE_SHARE and m.unsteadiness <= TONE_STEADY_DB:
        return "tone", (
            f"{m.lines:.1%} of the power lies in {LINES} spectral lines, "
            f"whose level moves by {m.unsteadiness:.1f} dB"
        )
    if origin is not None and course is not None and course.loops and not origin.source_period:
        return "loop", (
            f"{course.period:.3g} s repeat from {course.since:.1f} s to its end: "
            f"{course.likeness:.0%} of it is the same again"
        )
    if origin is not None and origin.noisy:
        return ("noise", _lost(origin)) if not origin.of_noise else _copied(origin, corpus)
    if m.flatness >= NOISE_FLATNESS and m.unsteadiness <= NOISE_STEADY_DB:
        return "noise", (
            f"spectral flatness is {m.flatness:.2f} (white noise: 1), "
            f"the level moves by {m.unsteadiness:.1f} dB"
        )
    return _copied(origin, corpus)


def rejected(verdicts: Mapping[str, int], clips: int) -> str:
    """Return which share of an export was rejected, and what to do; empty where none was.

    Parameters
    ----------
    verdicts : mapping of str to int
        How many clips have each verdict.
    clips : int
        How many there are.

    Examples
    --------
    >>> rejected({"good": 2, "noise": 38}, 40)
    '38 of 40 clips rejected as noise: take `--checkpoint spectral`, which keeps the pitch of any \
sound, or train a model on yours: `nsynth-batch train`'
    >>> rejected({"tone": 1, "silence": 2}, 9)
    '3 of 9 clips rejected as silence (2), tone (1)'
    """
    bad = {word: n for word, n in sorted(verdicts.items()) if n and word in FAILURES}
    if not bad:
        return ""
    several = len(bad) > 1
    words = ", ".join(f"{word} ({n})" if several else word for word, n in bad.items())
    line = f"{sum(bad.values())} of {clips:,} clips rejected as {words}"
    return f"{line}: {KEEP_THE_PITCH}" if "noise" in bad else line


def _copied(origin: Origin | None, corpus: Corpus | None) -> tuple[Verdict, str]:
    """Return the verdict on a clip that sounds well: whether its model has it by heart."""
    if origin is None or origin.copied is None or origin.copied < COPIED_SHARE:
        return "good", ""
    number, name = origin.copied_from, "a recording it was trained on"
    if corpus is not None and number is not None and 0 <= number < len(corpus.recordings):
        row = corpus.recordings[number]
        name = repr(flattened(row.rights.title or row.file))
    return "copy", (
        f"{origin.copied:.0%} of it is learned by heart: from {origin.copied_since or 0:.1f} s on "
        f"it is {name} from {origin.copied_at or 0:.1f} s on"
    )


def _lost(origin: Origin) -> str:
    shared = f"{max(0.0, origin.structure):.2f}"
    if origin.source_structure is None:
        return f"nothing lasts in it: {shared} of its fine spectrum (noise: 0, a held note: 1)"
    kept = "" if origin.partials is None else f", {max(0.0, origin.partials):.2f} of them kept"
    return (
        f"its source's partials are lost: {shared} of its fine spectrum lasts, and "
        f"{origin.source_structure:.2f} of the source's{kept}"
    )
