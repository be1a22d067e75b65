"""Whether a sound has partials or is noise, whatever its level and its spectrum's envelope do.

The fine structure of a spectrum (its partials, without the envelope) lasts in a sound that rings,
from a bell to a cymbal, and is drawn anew in each frame of noise, be it white, pink, modulated,
shaped by a voice's envelope or blown by the wind. So what two frames without a common sample have
in common tells them apart; a voice that glides has little in common with itself, but a pitch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sequencer.audio.pitch import VOICED, liftered_spectra, pitch_track

Samples = npt.NDArray[np.float32]
Array = npt.NDArray[np.float64]

NOISE_STRUCTURE = 0.06
"""Noise: what its fine spectra have in common is below this, in a sound of 2 s or more …"""
NOISE_VOICED = 0.1
"""… and a smaller share of its frames has a pitch."""
LEAST_FRAMES = 10
"""A sound of fewer audible frames, about 0.7 s, is not called noise: it may be so by chance."""

# Two frames of noise correlate by chance, with this standard deviation: the mean over a short
# sound strays further from 0. Beyond six of its deviations no noise is expected.
_CHANCE_OF_A_PAIR, _DEVIATIONS = 0.051, 6.0

_QUIET_DB, _BELOW_LOUDEST_DB = -60.0, 40.0
# Frames overlap by a half: the next but one has no sample of this one.
_APART = 2
_CHUNK_SECONDS = 30.0


@dataclass(frozen=True)
class Texture:
    """What a sound is made of.

    Attributes
    ----------
    frames : int
        Audible frames of 128 ms, each half over the next: those within 40 dB of the loudest.
    structure : float
        Mean correlation of the fine spectra of audible frames and of the next but one: 0 for
        noise, 1 for a note that is held; 0 where there are too few.
    voiced : float
        Share of audible frames that have a pitch, 0 to 1.
    """

    frames: int
    structure: float
    voiced: float

    @property
    def noisy(self) -> bool:
        """Whether it is noise: it is long enough, nothing in it lasts, and it has no pitch."""
        if self.frames < LEAST_FRAMES or self.voiced >= NOISE_VOICED:
            return False
        by_chance = _DEVIATIONS * _CHANCE_OF_A_PAIR / math.sqrt(self.frames - _APART)
        return self.structure < max(NOISE_STRUCTURE, by_chance)


def texture(samples: Samples, sample_rate: int) -> Texture:
    """Measure a sound's texture.

    Parameters
    ----------
    samples : float32 [n]
        Mono, full scale ±1.
    sample_rate : int
        In Hz.

    Examples
    --------
    >>> import numpy as np
    >>> bell = np.sin(np.arange(32_000) / 5) * np.exp(-np.arange(32_000) / 16_000)
    >>> texture(bell.astype(np.float32), 16_000).noisy
    False
    >>> hiss = np.random.default_rng(1).normal(0, 0.1, 32_000)
    >>> texture((hiss * np.linspace(1, 0, 32_000)).astype(np.float32), 16_000).noisy
    True
    """
    size = round(_CHUNK_SECONDS * sample_rate)
    chunks = [samples[at : at + size] for at in range(0, max(1, len(samples)), size)]
    tracks = [pitch_track(chunk, sample_rate) for chunk in chunks]
    loudest = max(float(track.level.max()) for track in tracks)
    least = max(_QUIET_DB, loudest - _BELOW_LOUDEST_DB)
    pitched, frames, shared = 0, 0, [np.zeros(0)]
    for chunk, track in zip(chunks, tracks, strict=True):
        audible = track.level > least
        peaks = track.strength_at(track.hertz) > VOICED
        frames += int(np.count_nonzero(audible))
        pitched += int(np.count_nonzero(audible & peaks))
        fine = liftered_spectra(chunk, sample_rate)
        both = audible[:-_APART] & audible[_APART:]
        shared.append(row_correlation(fine[:-_APART][both], fine[_APART:][both]))
    every = np.concatenate(shared)
    return Texture(
        frames=frames,
        structure=float(every.mean()) if len(every) else 0.0,
        voiced=pitched / frames if frames else 0.0,
    )


def partials_kept(source: Samples, output: Samples, chosen: Array, sample_rate: int) -> float:
    """Return how far an output has the partials of its source: 1 all, 0 none.

    Parameters
    ----------
    source, output : float32 [n], float32 [m]
        Mono; the longer one is cut to the other.
    chosen : float64 [k]
        Weights of the source over the length of the output, 0 to 1: it is compared where it has
        more than half.
    sample_rate : int
        Of both, in Hz.

    Returns
    -------
    float
        Mean correlation of the fine spectra; NaN where there is no frame to compare.
    """
    length = min(len(source), len(output))
    of, made = (liftered_spectra(x[:length], sample_rate) for x in (source, output))
    audible = pitch_track(source[:length], sample_rate).level > _QUIET_DB
    middles = (np.arange(len(of)) + 0.5) / len(of) * len(chosen)
    heavy = chosen[np.minimum(middles.astype(np.int64), len(chosen) - 1)] > 0.5
    both = audible & heavy
    return float(row_correlation(of[both], made[both]).mean()) if both.any() else float("nan")


def row_correlation(a: Array, b: Array) -> Array:
    """Return the correlation of each row of one array with that of another, float64 [rows]."""
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    sizes = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    found: Array = (a * b).sum(axis=1) / np.maximum(sizes, 1e-30)
    return found
