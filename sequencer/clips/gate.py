"""The gate: whether a clip is worth hearing, by what was measured of it.

A sample-level network that fails, fails in one of three ways: it falls silent, it holds a tone, or
it hisses. `verdict` names these, and clipping and an offset beside them, with the measured reason.
A recording may well be tonal or noisy; it is a failure when it is also *steady*, which sounds that
happen are not: that is how a held tone differs from a bell and hiss from a cymbal.

A network that has lost the partials of its source hisses with the source's envelope, which is
steady in no way. Where a clip comes with its `Origin` noise is known by its texture, and by what it
was made from: of wind and breath noise is what is wanted, of a bell it is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, get_args

import numpy as np

from sequencer.clips.measures import LINES, Measures
from sequencer.clips.texture import Texture

Verdict = Literal["good", "silence", "tone", "noise", "clipped", "dc"]
NEAR_DUPLICATE = "near-duplicate"
"""The verdict on a clip that `sequencer.clips.fingerprint` finds to sound like another one."""

FAILURES = frozenset(get_args(Verdict)) - {"good"}
"""What a clip of an export is rejected as."""
TRAIN_ON_YOUR_SOUNDS = "train the model on your sounds: `nsynth-batch train`"
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
STEADY_SECONDS = 0.25
"""Shorter clips are not tested for steadiness."""


@dataclass(frozen=True)
class Origin:
    """The texture of a decoded clip, and of what it was made from.

    Attributes
    ----------
    frames, structure, voiced
        Of the clip: see `sequencer.clips.texture.Texture`.
    source_structure, source_voiced : float, optional
        Of the parent that has the most structure among those that weigh enough; None where no
        parent is known or long enough.
    partials : float, optional
        How far the clip has that parent's partials, 1 all, 0 none.
    """

    frames: int
    structure: float
    voiced: float
    source_structure: float | None = None
    source_voiced: float | None = None
    partials: float | None = None

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
            source_structure=values.get("source_structure"),
            source_voiced=values.get("source_voiced"),
            partials=values.get("partials"),
        )


def verdict(measures: Measures, origin: Origin | None = None) -> tuple[Verdict, str]:
    """Return the verdict on a clip by its measures, and by where it comes from.

    Parameters
    ----------
    measures : Measures
    origin : Origin, optional
        Of a decoded clip; a sound without one is called noise only if it is steady.

    Returns
    -------
    verdict : str
        ``good``, or the first of ``dc``, ``silence``, ``clipped``, ``tone``, ``noise`` that holds.
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
    if m.clipped >= CLIPPED_SHARE:
        return "clipped", f"{m.clipped:.1%} of the samples stand at full scale"
    if m.seconds < STEADY_SECONDS:
        return "good", ""
    if m.lines >= TONE_SHARE and m.unsteadiness <= TONE_STEADY_DB:
        return "tone", (
            f"{m.lines:.1%} of the power lies in {LINES} spectral lines, "
            f"whose level moves by {m.unsteadiness:.1f} dB"
        )
    if origin is not None and origin.noisy:
        return ("good", "") if origin.of_noise else ("noise", _lost(origin))
    if m.flatness >= NOISE_FLATNESS and m.unsteadiness <= NOISE_STEADY_DB:
        return "noise", (
            f"spectral flatness is {m.flatness:.2f} (white noise: 1), "
            f"the level moves by {m.unsteadiness:.1f} dB"
        )
    return "good", ""


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
    '38 of 40 clips rejected as noise: train the model on your sounds: `nsynth-batch train`'
    >>> rejected({"tone": 1, "silence": 2}, 9)
    '3 of 9 clips rejected as silence (2), tone (1)'
    """
    bad = {word: n for word, n in sorted(verdicts.items()) if n and word in FAILURES}
    if not bad:
        return ""
    several = len(bad) > 1
    words = ", ".join(f"{word} ({n})" if several else word for word, n in bad.items())
    line = f"{sum(bad.values())} of {clips:,} clips rejected as {words}"
    return f"{line}: {TRAIN_ON_YOUR_SOUNDS}" if "noise" in bad else line


def _lost(origin: Origin) -> str:
    shared = f"{max(0.0, origin.structure):.2f}"
    if origin.source_structure is None:
        return f"nothing lasts in it: {shared} of its fine spectrum (noise: 0, a held note: 1)"
    kept = "" if origin.partials is None else f", {max(0.0, origin.partials):.2f} of them kept"
    return (
        f"its source's partials are lost: {shared} of its fine spectrum lasts, and "
        f"{origin.source_structure:.2f} of the source's{kept}"
    )
