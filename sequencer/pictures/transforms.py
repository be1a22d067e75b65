"""The two spectra that pictures are drawn of, in NumPy alone.

librosa has both, and takes seconds to import before the first of them: it compiles code that these
need not. A test compares the two where librosa is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sequencer.audio.samples import Samples

Complex = npt.NDArray[np.complex128]
Real = npt.NDArray[np.float64]

_FRAMES_A_BLOCK = 64
_LEAST_OF_A_KERNEL = 1e-4
"""Of its largest number: what is smaller adds nothing that is seen."""


@dataclass(frozen=True)
class Notes:
    """The notes of a constant-Q transform.

    Attributes
    ----------
    lowest : float
        In Hz.
    octaves, an_octave : int
        How many octaves, and notes in each.
    filter_scale : float
        Of the filters' lengths; below 1 they are shorter, and see time better than pitch.
    """

    lowest: float
    octaves: int
    an_octave: int
    filter_scale: float


def constant_q(samples: Samples, sample_rate: int, hop: int, notes: Notes) -> Complex:
    """Transform a sound, as ``librosa.cqt`` does.

    Parameters
    ----------
    samples : ndarray, float32 [n]
        Mono.
    sample_rate, hop : int
    notes : Notes
        The highest lies below half the sample rate.

    Returns
    -------
    ndarray, complex128 [notes, 1 + n // hop]
        The lowest note first; the phase is that at the middle of each frame.
    """
    size, kernels = _kernels(sample_rate, notes)
    frames = _framed(samples, size, hop)
    found = np.empty((len(frames), notes.octaves * notes.an_octave), np.complex128)
    for start in range(0, len(frames), _FRAMES_A_BLOCK):
        block = slice(start, start + _FRAMES_A_BLOCK)
        spectra = np.fft.rfft(frames[block])
        for octave, (first, kernel) in enumerate(kernels):
            place = slice(octave * notes.an_octave, (octave + 1) * notes.an_octave)
            found[block, place] = spectra[:, first : first + len(kernel)] @ kernel
    return found.T


@lru_cache(maxsize=2)
def _kernels(sample_rate: int, notes: Notes) -> tuple[int, list[tuple[int, Complex]]]:
    """Return the length of a frame, and for each octave its first bin and kernel [bins, notes]."""
    hertz = notes.lowest * 2.0 ** (np.arange(notes.octaves * notes.an_octave) / notes.an_octave)
    ratio = 2.0 ** (2 / notes.an_octave)
    lengths = notes.filter_scale * (ratio + 1) / (ratio - 1) * sample_rate / hertz
    size = 1 << int(np.ceil(np.log2(lengths.max())))
    kernels = []
    for octave in range(notes.octaves):
        place = slice(octave * notes.an_octave, (octave + 1) * notes.an_octave)
        spectra = np.stack(
            [
                _kernel(*each, sample_rate, size)
                for each in zip(hertz[place], lengths[place], strict=True)
            ]
        )
        there = np.flatnonzero(
            (np.abs(spectra) > _LEAST_OF_A_KERNEL * np.abs(spectra).max()).any(0)
        )
        first, last = int(there[0]), int(there[-1]) + 1
        kernels.append((first, np.ascontiguousarray(spectra[:, first:last].T)))
    return size, kernels


def _kernel(hertz: float, length: float, sample_rate: int, size: int) -> Complex:
    """Return what a frame's spectrum is multiplied with and summed, complex128 [1 + size // 2]."""
    at = np.arange(-int(length) // 2, int(length) // 2)
    window = 0.5 + 0.5 * np.cos(2 * np.pi * at / len(at))
    wave = np.zeros(size, np.complex128)
    # A frame begins half its length before its middle.
    wave[at + size // 2] = window / window.sum() * np.exp(2j * np.pi * hertz * at / sample_rate)
    kernel: Complex = np.fft.fft(wave)[: size // 2 + 1].conj() * (np.sqrt(length) / size)
    return kernel


def mel_power(
    samples: Samples, sample_rate: int, window: int, hop: int, bands: int, lowest: float
) -> Real:
    """Measure power in bands of the mel scale (Slaney's), as ``librosa`` does.

    Parameters
    ----------
    samples : ndarray, float32 [n]
        Mono.
    sample_rate, window, hop, bands : int
        Bands go up to half the sample rate.
    lowest : float
        In Hz.

    Returns
    -------
    ndarray, float64 [bands, 1 + n // hop]
        The lowest band first; each has the same area whatever its width.
    """
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    power = np.abs(np.fft.rfft(_framed(samples, window, hop) * hann)) ** 2
    found: Real = _mel_weights(sample_rate, window, bands, lowest) @ power.T
    return found


@lru_cache(maxsize=4)
def _mel_weights(sample_rate: int, window: int, bands: int, lowest: float) -> Real:
    of_hertz, of_mels = _mel_scale()
    first, last = (float(np.interp(end, of_hertz, of_mels)) for end in (lowest, sample_rate / 2))
    edges = np.interp(np.linspace(first, last, bands + 2), of_mels, of_hertz)
    hertz = np.arange(window // 2 + 1) * sample_rate / window
    rising = (hertz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - hertz) / np.diff(edges)[1:, None]
    weights: Real = np.maximum(0.0, np.minimum(rising, falling))
    weights *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return weights


def _mel_scale() -> tuple[Real, Real]:
    """Return frequencies and their mels: 15 for each 1,000 Hz, then 27 for each factor of 6.4."""
    above = np.linspace(0, 81, 8101)
    hertz = np.concatenate([[0.0], 1000.0 * 6.4 ** (above / 27)])
    return hertz, np.concatenate([[0.0], 15.0 + above])


def _framed(samples: Samples, size: int, hop: int) -> npt.NDArray[np.float32]:
    """Return frames around each hop, silence beyond the ends, float32 [1 + n // hop, size]."""
    padded = np.pad(samples, size // 2)
    return np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
