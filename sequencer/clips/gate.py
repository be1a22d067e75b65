"""The gate: whether a clip is worth hearing, by what was measured of it.

A sample-level network that fails, fails in one of three ways: it falls silent, it holds a tone, or
it hisses. `verdict` names these, and clipping and an offset beside them, with the measured reason.
A recording may well be tonal or noisy; it is a failure when it is also *steady*, which sounds that
happen are not: that is how a held tone differs from a bell and hiss from a cymbal.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from sequencer.clips.measures import LINES, Measures

Verdict = Literal["good", "silence", "tone", "noise", "clipped", "dc"]
NEAR_DUPLICATE = "near-duplicate"
"""The verdict on a clip that `sequencer.clips.fingerprint` finds to sound like another one."""

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


def verdict(measures: Measures) -> tuple[Verdict, str]:
    """Return the verdict on a clip by its measures.

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
    if m.flatness >= NOISE_FLATNESS and m.unsteadiness <= NOISE_STEADY_DB:
        return "noise", (
            f"spectral flatness is {m.flatness:.2f} (white noise: 1), "
            f"the level moves by {m.unsteadiness:.1f} dB"
        )
    return "good", ""
