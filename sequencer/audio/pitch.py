"""Pitch and partials of sound: what distinguishes a note from noise with its envelope.

Loudness, log-mel spectra and likelihoods are alike for a note and for noise that was shaped by it.
These measures are not: a frame's normalised autocorrelation shows whether it repeats and how often
a second, and its liftered log spectrum keeps the fine structure (partials) and drops the envelope.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sequencer.audio.samples import require_mono

Array = npt.NDArray[np.float64]

FRAME_SECONDS = 0.128
LOWEST_HZ, HIGHEST_HZ = 60.0, 1000.0
"""Fundamentals that are looked for."""
VOICED = 0.6
"""A frame with a higher normalised autocorrelation has a clear pitch …"""
AUDIBLE_DB = -45.0
"""… if it is louder than this, in dB below full scale."""

_BLOCK = 256
_STEPS = 4
_FIRST_PEAK = 0.93
_LIFTER_BINS = 25
_LOWEST_BIN, _HIGHEST_BIN = 8, 513
_FLOOR, _NOTHING = 1e-3, 1e-12


@dataclass(frozen=True)
class PitchTrack:
    """The pitch of each frame of a sound.

    Attributes
    ----------
    hertz : float64 [frames]
        The fundamental; of a frame that is not `voiced` it means nothing.
    periodicity : float64 [frames]
        Highest normalised autocorrelation at a period within the range looked for, -1 to 1.
    level : float64 [frames]
        Mean square in dB below full scale.
    correlation : float64 [frames, lags]
        Normalised autocorrelation, by lag in quarters of a sample from 0.
    sample_rate : int
        In Hz.
    """

    hertz: Array
    periodicity: Array
    level: Array
    correlation: Array
    sample_rate: int

    @property
    def voiced(self) -> npt.NDArray[np.bool_]:
        """Which frames are audible and have a clear pitch, bool [frames]."""
        return (self.periodicity > VOICED) & (self.level > AUDIBLE_DB)

    def strength_at(self, hertz: Array, cents: float = 50.0) -> Array:
        """Return how strongly each frame repeats at a given pitch.

        Parameters
        ----------
        hertz : float64 [frames]
            A fundamental for each frame.
        cents : float
            How far from it a peak may lie, to both sides.

        Returns
        -------
        float64 [frames]
            The normalised autocorrelation at the highest peak near that period, or 0 where there
            is no peak: low-pass noise is correlated at every short lag and has none.
        """
        found = np.zeros(len(self.correlation))
        for i, (row, frequency) in enumerate(zip(self.correlation, hertz, strict=True)):
            period, factor = _STEPS * self.sample_rate / frequency, 2 ** (cents / 1200)
            lags = np.arange(
                max(1, int(period / factor) - 1), min(len(row) - 2, int(period * factor) + 2) + 1
            )
            left, at, right = (row[lags + k] for k in (-1, 0, 1))
            peaks = (at >= left) & (at >= right)
            exact = lags + _peak_shift(left, at, right)
            near = peaks & (exact >= period / factor) & (exact <= period * factor)
            found[i] = np.max(at[near], initial=0.0)
        return found


def pitch_track(samples: npt.NDArray[np.float32], sample_rate: int) -> PitchTrack:
    """Return the pitch of each frame of 128 ms, one every 64 ms.

    Of several periods that repeat about as well the shortest counts, so that a note is not taken
    for the octave below it.

    Parameters
    ----------
    samples : float32 [n]
        Mono, full scale ±1; a sound shorter than a frame is followed by silence.
    sample_rate : int
        In Hz.

    Examples
    --------
    >>> import numpy as np
    >>> a440 = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000).astype(np.float32)
    >>> track = pitch_track(0.5 * a440, 16000)
    >>> bool(np.all(np.abs(track.hertz - 440) < 2))
    True
    """
    frames = _frames(samples, sample_rate)
    shortest = max(2, int(sample_rate / HIGHEST_HZ * _STEPS))
    most = min(frames.shape[1] - 1, int(np.ceil(sample_rate / LOWEST_HZ)) + 1)
    longest = most * _STEPS - 1
    blocks = range(0, len(frames), _BLOCK)
    correlation = np.concatenate([_autocorrelation(frames[i : i + _BLOCK], most) for i in blocks])
    searched = correlation[:, shortest : longest + 1]
    best = searched.max(axis=1)
    before, after = (correlation[:, shortest + k : longest + 1 + k] for k in (-1, 1))
    peaks = (searched >= before) & (searched >= after)
    enough = peaks & (searched >= _FIRST_PEAK * best[:, None])
    lag = np.where(enough.any(axis=1), enough.argmax(axis=1), searched.argmax(axis=1)) + shortest
    rows = np.arange(len(frames))
    shift = _peak_shift(*(correlation[rows, lag + k] for k in (-1, 0, 1)))
    return PitchTrack(
        hertz=_STEPS * sample_rate / (lag + shift),
        periodicity=best,
        level=10 * np.log10(np.mean(frames**2, axis=1) + 1e-12),
        correlation=correlation,
        sample_rate=sample_rate,
    )


def liftered_spectra(samples: npt.NDArray[np.float32], sample_rate: int) -> Array:
    """Return the fine structure of each frame's log spectrum: its partials, without its envelope.

    Log magnitudes less their running mean over 25 bins (195 Hz), from 62 Hz to 4 kHz.

    Parameters
    ----------
    samples : float32 [n]
        Mono, full scale ±1.
    sample_rate : int
        In Hz.

    Returns
    -------
    float64 [frames, bins]
        Frames as in `pitch_track`.
    """
    magnitude = _magnitudes(samples, sample_rate)
    # What lies 60 dB below a frame's strongest line is not audible beside it.
    log = np.log(magnitude + _FLOOR * magnitude.max(axis=1, keepdims=True) + _NOTHING)
    sums = np.cumsum(np.pad(log, ((0, 0), (_LIFTER_BINS // 2 + 1, _LIFTER_BINS // 2))), axis=1)
    envelope = (sums[:, _LIFTER_BINS:] - sums[:, :-_LIFTER_BINS]) / _LIFTER_BINS
    fine: Array = (log - envelope)[:, _LOWEST_BIN:_HIGHEST_BIN]
    return fine


def band_levels(samples: npt.NDArray[np.float32], sample_rate: int) -> Array:
    """Return a sound's mean spectrum in bands of 62.5 Hz from there up, in dB about their mean.

    Parameters
    ----------
    samples : float32 [n]
        Mono, full scale ±1.
    sample_rate : int
        In Hz.

    Returns
    -------
    float64 [bands]
    """
    power = np.mean(_magnitudes(samples, sample_rate) ** 2, axis=0)
    bands = power[8 : 8 * ((len(power) - 1) // 8)].reshape(-1, 8).mean(axis=1)
    levels = 10 * np.log10(bands + _FLOOR**2 * bands.max() + _NOTHING)
    about_mean: Array = levels - levels.mean()
    return about_mean


def _magnitudes(samples: npt.NDArray[np.float32], sample_rate: int) -> Array:
    """Return float64 [frames, bins]: the spectrum of each frame under a Hann window."""
    frames = _frames(samples, sample_rate)
    window = np.hanning(frames.shape[1] + 1)[:-1]
    magnitudes: Array = np.abs(np.fft.rfft(frames * window))
    return magnitudes


def _frames(samples: npt.NDArray[np.float32], sample_rate: int) -> Array:
    """Return float64 [frames, FRAME_SECONDS · rate], each half over the next."""
    require_mono(samples)
    size = 2 * max(8, round(FRAME_SECONDS * sample_rate / 2))
    if len(samples) < size:
        samples = np.pad(samples, (0, size - len(samples)))
    views = np.lib.stride_tricks.sliding_window_view(samples, size)[:: size // 2]
    return views.astype(np.float64)


def _peak_shift(left: Array, at: Array, right: Array) -> Array:
    """Return where between its neighbours a peak lies: the top of a parabola through the three."""
    bend = left - 2 * at + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, -1.0), 0.0)
    clipped: Array = np.clip(shift, -0.5, 0.5)
    return clipped


def _autocorrelation(frames: Array, longest: int) -> Array:
    """Return the autocorrelation over the energies of the parts that overlap.

    Between samples it is interpolated by zeros behind the power spectrum: half the period of a
    high note falls between two lags.

    Parameters
    ----------
    frames : float64 [frames, n]
    longest : int
        The longest lag, in samples.

    Returns
    -------
    float64 [frames, longest · _STEPS + 1]
    """
    frames = frames - frames.mean(axis=1, keepdims=True)
    size = frames.shape[1]
    power = np.abs(np.fft.rfft(frames, 2 * size)) ** 2
    steps = longest * _STEPS + 1
    products = _STEPS * np.fft.irfft(power, 2 * size * _STEPS)[:, :steps]
    energy = np.pad(np.cumsum(frames**2, axis=1), ((0, 0), (1, 0)))
    lags = np.arange(longest + 1)
    overlaps = energy[:, size - lags] * (energy[:, -1:] - energy[:, lags])
    fine = np.arange(steps) / _STEPS
    whole = np.minimum(fine.astype(np.int64), longest - 1)
    part = fine - whole
    between = overlaps[:, whole] * (1 - part) + overlaps[:, whole + 1] * part
    normalised: Array = products / np.sqrt(np.maximum(between, 1e-12))
    return normalised
