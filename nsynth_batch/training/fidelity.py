"""How much of a sound a model keeps when it decodes by itself: pitch, partials and variety.

Teacher-forced likelihood does not measure it: a model that is fed the true past gets the pitch for
free. These measures compare a source with what was decoded from its encoding in free running.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.autoencoder import Autoencoder
from nsynth_batch.models.weights import Array
from nsynth_batch.training.surprise import MOST_SECONDS, Surprise, surprise
from sequencer.audio.pitch import (
    AUDIBLE_DB,
    PitchTrack,
    band_levels,
    liftered_spectra,
    pitch_track,
)

Audio = npt.NDArray[np.float32]

KEPT = 0.5
"""A frame keeps a pitch if its normalised autocorrelation has a higher peak within 50 cents …"""

_OCTAVE_OUT, _OCTAVE_SOURCE = 0.93, 0.85
"""… and does not repeat as well after half the period, where the source does not."""


@dataclass(frozen=True)
class Fidelity:
    """What was kept of one sound or several.

    Attributes
    ----------
    voiced : int
        Frames of the source that have a clear pitch.
    kept : int
        Those of them whose output has it too, within 50 cents.
    periodicity_sum : float
        Highest normalised autocorrelation of the output, summed over voiced frames.
    audible : int
        Frames of the source that are audible.
    partials_sum : float
        Correlation of the liftered log spectra of source and output, summed over audible frames.
    """

    voiced: int = 0
    kept: int = 0
    periodicity_sum: float = 0.0
    audible: int = 0
    partials_sum: float = 0.0

    def __add__(self, other: Fidelity) -> Fidelity:
        return Fidelity(
            self.voiced + other.voiced,
            self.kept + other.kept,
            self.periodicity_sum + other.periodicity_sum,
            self.audible + other.audible,
            self.partials_sum + other.partials_sum,
        )

    @property
    def pitch_kept(self) -> float:
        """Share of the source's voiced frames that keep their pitch; NaN if none is voiced."""
        return self.kept / self.voiced if self.voiced else float("nan")

    @property
    def periodicity(self) -> float:
        """Mean periodicity of the output where the source is voiced; NaN if it never is."""
        return self.periodicity_sum / self.voiced if self.voiced else float("nan")

    @property
    def partials(self) -> float:
        """Mean correlation of the fine spectra; NaN if the source is never audible."""
        return self.partials_sum / self.audible if self.audible else float("nan")


def fidelity(source: Audio, output: Audio, sample_rate: int) -> Fidelity:
    """Compare a sound with what became of it.

    Parameters
    ----------
    source, output : float32 [n], float32 [m]
        Mono, full scale ±1; the longer one is cut to the length of the other.
    sample_rate : int
        Of both, in Hz.

    Examples
    --------
    >>> import numpy as np
    >>> note = 0.3 * np.sin(np.arange(16000) / 8).astype(np.float32)
    >>> fidelity(note, note, 16000).pitch_kept
    1.0
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    >>> fidelity(note, noise, 16000).pitch_kept
    0.0
    """
    length = min(len(source), len(output))
    source, output = source[:length], output[:length]
    wanted, made = pitch_track(source, sample_rate), pitch_track(output, sample_rate)
    voiced, audible = wanted.voiced, wanted.level > AUDIBLE_DB
    fine = zip(
        liftered_spectra(source, sample_rate)[audible],
        liftered_spectra(output, sample_rate)[audible],
        strict=True,
    )
    return Fidelity(
        voiced=int(np.count_nonzero(voiced)),
        kept=int(np.count_nonzero(voiced & _keeps(wanted, made))),
        periodicity_sum=float(made.periodicity[voiced].sum()),
        audible=int(np.count_nonzero(audible)),
        partials_sum=sum(_correlation(a, b) for a, b in fine),
    )


def spread(sounds: Iterable[Audio], sample_rate: int) -> float:
    """Return how much some sounds differ: the mean distance of two mean spectra, in dB.

    A model whose outputs all sound alike has a small spread beside its sources'.

    Parameters
    ----------
    sounds : iterable of float32 [n]
        At least two.
    sample_rate : int
        In Hz.

    Raises
    ------
    ValueError
        If there are fewer than two.
    """
    spectra = [band_levels(sound, sample_rate) for sound in sounds]
    if len(spectra) < 2:
        raise ValueError("the spread of fewer than two sounds is undefined")
    return float(np.mean([np.mean(np.abs(a - b)) for a, b in combinations(spectra, 2)]))


@dataclass(frozen=True)
class Measures:
    """What a model keeps of some sounds together.

    Attributes
    ----------
    pitch_kept, periodicity, partials : float
        As in `Fidelity`, over all frames; NaN where no source has such frames.
    spread : float
        How much the outputs differ beside how much the sources do: 1 is as much; NaN for fewer
        than two sounds or sources that do not differ.
    drawn_nll, entropy : float
        As in `Surprise`; NaN where it was not measured, or no codes are drawn.
    """

    pitch_kept: float
    periodicity: float
    partials: float
    spread: float
    drawn_nll: float = math.nan
    entropy: float = math.nan

    @property
    def score(self) -> float:
        """The mean of pitch kept and partials; what the sounds have no frames for counts 0."""
        kept = (self.pitch_kept, self.partials)
        return sum(0.0 if math.isnan(value) else value for value in kept) / 2


def measures(
    sources: Sequence[Audio],
    outputs: Sequence[Audio],
    sample_rate: int,
    drawn: Surprise | None = None,
) -> Measures:
    """Compare sounds with what became of them.

    Parameters
    ----------
    sources, outputs : sequences of float32 [n]
        Side by side, of the same order.
    sample_rate : int
        Of all, in Hz.
    drawn : Surprise, optional
        What the outputs were to the model that drew them.
    """
    drawn = drawn or Surprise()
    kept = total([fidelity(a, b, sample_rate) for a, b in zip(sources, outputs, strict=True)])
    ratio = float("nan")
    if len(sources) > 1 and (apart := spread(sources, sample_rate)) > 0:
        ratio = spread(outputs, sample_rate) / apart
    return Measures(
        kept.pitch_kept, kept.periodicity, kept.partials, ratio, drawn.nll, drawn.entropy
    )


def reconstructed(
    model: Autoencoder, sounds: Sequence[tuple[str, Audio]], *, temperature: float = 1.0
) -> list[Audio]:
    """Return what a model makes of sounds when it decodes by itself, seed 0.

    Parameters
    ----------
    model : Autoencoder
    sounds : sequence of (name, float32 [n])
        Of whole hops, at the model's sample rate; what is drawn depends on the name.
    temperature : float
        Of the draws.
    """
    return [model.finished(clip, encoding) for encoding, clip in _drawn(model, sounds, temperature)]


def reconstructed_and_scored(
    model: Autoencoder,
    sounds: Sequence[tuple[str, Audio]],
    *,
    temperature: float = 1.0,
    seconds: float = MOST_SECONDS,
) -> tuple[list[Audio], list[Surprise]]:
    """Return what `reconstructed` does, and how each clip surprises the model that drew it.

    Parameters
    ----------
    model, sounds, temperature
        As of `reconstructed`.
    seconds : float
        Of the beginning of each clip so much is scored.

    Returns
    -------
    list of float32 [n], list of Surprise
        The outputs, and what they were before a postfilter.
    """
    outputs, surprises = [], []
    for encoding, clip in _drawn(model, sounds, temperature):
        outputs.append(model.finished(clip, encoding))
        surprises.append(surprise(model, clip, encoding, temperature=temperature, seconds=seconds))
    return outputs, surprises


def total(parts: Sequence[Fidelity]) -> Fidelity:
    """Return what was kept of several sounds together, each by its frames."""
    return sum(parts, Fidelity())


def _drawn(
    model: Autoencoder, sounds: Sequence[tuple[str, Audio]], temperature: float
) -> list[tuple[Array, Audio]]:
    """Return the encoding of each sound, and what the engine draws under it."""
    encodings = [model.encode(audio[None])[0] for _, audio in sounds]
    names = [name for name, _ in sounds]
    clips = model.drawn(encodings, names, seed=0, temperature=temperature)
    return list(zip(encodings, clips, strict=True))


def _keeps(wanted: PitchTrack, made: PitchTrack) -> npt.NDArray[np.bool_]:
    strength = made.strength_at(wanted.hertz)
    octave_up = 2 * wanted.hertz
    doubled = made.strength_at(octave_up) >= _OCTAVE_OUT * strength
    source_doubled = wanted.strength_at(octave_up) >= _OCTAVE_SOURCE * wanted.periodicity
    kept: npt.NDArray[np.bool_] = (strength > KEPT) & (~doubled | source_doubled)
    return kept


def _correlation(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt(np.dot(a, a) * np.dot(b, b)))
    return float(np.dot(a, b)) / size if size > 0 else 0.0
