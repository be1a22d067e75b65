"""What is measured of a clip: level, offset, spectrum, steadiness and loudness.

Everything is gathered block by block, so a clip of any length is measured in bounded memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sequencer.audio.loudness import gated, k_response
from sequencer.audio.samples import require_mono
from sequencer.clips.fingerprint import Fingerprint, Printer

CLIPPED_LEVEL = 0.977
"""Where the outermost codes of 8-bit mu-law lie (0.978); equal neighbours out there are clipped."""
LINES = 4
"""How many spectral lines `Measures.lines` counts."""

_FRAME_SECONDS = 0.064
_LINE_REACH = 2
_FLOOR = 1e-12


@dataclass(frozen=True)
class Measures:
    """What is measured of one clip.

    Attributes
    ----------
    seconds : float
        Length.
    peak : float
        Largest magnitude, full scale 1.
    rms : float
        Root mean square of all samples, the offset included.
    dc : float
        Mean of all samples.
    crest : float
        Peak over rms in dB; 0 for silence.
    clipped : float
        Share of samples at or beyond `CLIPPED_LEVEL` that equal their neighbour.
    flatness : float
        Geometric over arithmetic mean of the averaged power spectrum, from 50 Hz up: 0 for a
        tone, 1 for white noise.
    centroid : float
        Power-weighted mean frequency in Hz.
    lines : float
        Share of the power around the `LINES` strongest lines of the averaged spectrum.
    unsteadiness : float
        Standard deviation of the level of 64 ms frames, in dB.
    loudness : float
        K-weighted and gated after ITU-R BS.1770-4, in LUFS, measured over spectra of 64 ms
        frames; -120 for silence.
    """

    seconds: float
    peak: float
    rms: float
    dc: float
    crest: float
    clipped: float
    flatness: float
    centroid: float
    lines: float
    unsteadiness: float
    loudness: float


class Meter:
    """Measures samples that come in blocks; the result does not depend on the blocks.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._frame = 1 << round(np.log2(max(16.0, _FRAME_SECONDS * sample_rate)))
        self._window = np.hanning(self._frame + 1)[:-1]
        self._frequencies = np.fft.rfftfreq(self._frame, 1.0 / sample_rate).astype(np.float64)
        # Parseval: the sum of these weights times |spectrum|² is a frame's mean square.
        weights = np.full(len(self._frequencies), 2.0)
        weights[0] = weights[-1] = 1.0
        self._to_power = weights / (self._frame * np.sum(self._window**2))
        self._k_weight = np.abs(k_response(self._frequencies)) ** 2
        self._spectrum = np.zeros(len(self._frequencies))
        self._printer = Printer(self._frequencies, self._frame / 2 / sample_rate)
        self._levels: list[npt.NDArray[np.float64]] = []
        self._loudness: list[npt.NDArray[np.float64]] = []
        self._pending = np.zeros(0, np.float32)
        self._last = np.zeros(0, np.float32)
        self._count = 0
        self._sum = 0.0
        self._square = 0.0
        self._peak = 0.0
        self._clipped = 0

    def add(self, samples: npt.NDArray[np.float32]) -> None:
        """Take float32 samples [n], full scale ±1; ValueError for channels."""
        require_mono(samples)
        if not len(samples):
            return
        exact = samples.astype(np.float64)
        self._count += len(samples)
        self._sum += float(exact.sum())
        self._square += float(np.sum(exact * exact))
        self._peak = max(self._peak, float(np.abs(samples).max()))
        joined = np.concatenate([self._last, samples])
        outside = np.abs(joined[1:]) >= np.float32(CLIPPED_LEVEL)
        self._clipped += int(np.count_nonzero(outside & (joined[1:] == joined[:-1])))
        self._last = samples[-1:]
        self._pending = np.concatenate([self._pending, samples])
        hop = self._frame // 2
        frames = (len(self._pending) - self._frame) // hop + 1
        if frames > 0:
            self._spectra(self._pending, frames)
            self._pending = self._pending[frames * hop :]

    def measures(self) -> Measures:
        """Measure all that was added; more may follow."""
        if self._count and not self._levels:
            # Shorter than one frame: padded with silence, which lowers its level but not its lines.
            self._spectra(np.pad(self._pending, (0, self._frame - len(self._pending))), 1)
        count = max(1, self._count)
        mean = self._sum / count
        rms = float(np.sqrt(self._square / count))
        audible = self._frequencies >= min(50.0, self._frequencies[-1] / 4)
        power = self._spectrum[audible]
        total = float(power.sum())
        return Measures(
            seconds=self._count / self._rate,
            peak=self._peak,
            rms=rms,
            dc=mean,
            crest=20 * float(np.log10(self._peak / rms)) if rms > 0 else 0.0,
            clipped=self._clipped / count,
            flatness=_flatness(power, total),
            centroid=float(np.sum(power * self._frequencies[audible])) / total
            if total > 0
            else 0.0,
            lines=_share_of_lines(power, total),
            unsteadiness=_unsteadiness(self._levels),
            loudness=_gated_loudness(self._loudness, self._rate / (self._frame // 2)),
        )

    def fingerprint(self) -> Fingerprint:
        """Return the fingerprint of all that was measured."""
        return self._printer.fingerprint(self._spectrum, self._count / self._rate)

    def _spectra(self, samples: npt.NDArray[np.float32], frames: int) -> None:
        hop = self._frame // 2
        views = np.lib.stride_tricks.sliding_window_view(samples, self._frame)[::hop][:frames]
        for start in range(0, frames, 256):
            spectra = np.fft.rfft(views[start : start + 256] * self._window)
            power = (spectra.real**2 + spectra.imag**2) * self._to_power
            power[:, 0] = 0.0
            # A Hann window spreads an offset over two bins.
            power[:, 1] = 0.0
            for row in power:
                self._spectrum += row
            self._levels.append(power.sum(axis=1))
            # Sums, not products of BLAS: their last bits do not depend on the number of threads.
            self._loudness.append((power * self._k_weight).sum(axis=1))
            self._printer.add(power)


def measure(samples: npt.NDArray[np.float32], sample_rate: int) -> Measures:
    """Measure one clip.

    Parameters
    ----------
    samples : ndarray, float32 [n]
        Mono, full scale ±1.
    sample_rate : int
        In Hz.

    Returns
    -------
    Measures
    """
    meter = Meter(sample_rate)
    meter.add(samples)
    return meter.measures()


def _flatness(power: npt.NDArray[np.float64], total: float) -> float:
    if total <= 0:
        return 0.0
    mean = total / len(power)
    return float(np.exp(np.mean(np.log(np.maximum(power, mean * _FLOOR)))) / mean)


def _share_of_lines(power: npt.NDArray[np.float64], total: float) -> float:
    if total <= 0:
        return 0.0
    left = power.copy()
    share = 0.0
    for _ in range(LINES):
        strongest = int(np.argmax(left))
        around = slice(max(0, strongest - _LINE_REACH), strongest + _LINE_REACH + 1)
        share += float(left[around].sum())
        left[around] = 0.0
    return min(1.0, share / total)


def _unsteadiness(levels: list[npt.NDArray[np.float64]]) -> float:
    if not levels:
        return 0.0
    every = np.concatenate(levels)
    floor = max(float(every.max()) * 1e-8, 1e-30)
    return float(np.std(10 * np.log10(np.maximum(every, floor))))


def _gated_loudness(powers: list[npt.NDArray[np.float64]], frames_per_second: float) -> float:
    """BS.1770-4 gating: 400 ms blocks, absolute gate -70 LUFS, relative gate -10 LU."""
    silent = -120.0
    if not powers:
        return silent
    every = np.concatenate(powers)
    length = min(len(every), max(1, round(0.4 * frames_per_second)))
    step = max(1, length // 4)
    sums = np.concatenate([[0.0], np.cumsum(every)])
    starts = np.arange(0, len(every) - length + 1, step)
    blocks = (sums[starts + length] - sums[starts]) / length
    loudness = gated(blocks)
    return silent if loudness is None else loudness
