"""Loudness after ITU-R BS.1770-4 and EBU Tech 3341 and 3342, of samples that come in blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sequencer.audio.samples import Samples

BLOCK_SECONDS = 0.4
"""What the integrated loudness is measured over; nothing shorter has one."""

# Loudness is gathered every 100 ms: momentary and gating blocks are 4 of these, short-term ones 30.
_HOPS_PER_SECOND = 10
_MOMENTARY = 4
_SHORT_TERM = 30
_ABSOLUTE_GATE = 10 ** ((-70 + 0.691) / 10)
_KERNEL_SECONDS = 0.12

Powers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Loudness:
    """What a `LoudnessMeter` found; None where the sound is too short or too quiet for it.

    Attributes
    ----------
    integrated : float or None
        In LUFS, gated.
    momentary, short_term : float or None
        The largest over 0.4 s and over 3 s, in LUFS.
    range : float or None
        In LU, after EBU Tech 3342.
    """

    integrated: float | None
    momentary: float | None
    short_term: float | None
    range: float | None


class LoudnessMeter:
    """Measures loudness; the result does not depend on the blocks.

    Parameters
    ----------
    channels : int
        1 or 2, of equal weight.
    sample_rate : int
        In Hz.
    """

    def __init__(self, channels: int, sample_rate: int) -> None:
        self._rate = sample_rate
        self._kernel_length = 1 << int(np.ceil(np.log2(_KERNEL_SECONDS * sample_rate)))
        length = self._kernel_length
        size = 4 * length
        # The response at the true frequencies, not a filter warped to this rate. What rings before
        # the beginning, since the band ends, gets an eighth of the kernel.
        frequencies = np.fft.rfftfreq(length, 1 / sample_rate).astype(np.float64)
        kernel = np.roll(np.fft.irfft(k_response(frequencies)), length // 8)
        self._spectrum = np.fft.rfft(kernel, size).astype(np.complex64)
        self._hop = size - length
        self._late = length // 8
        self._pending = np.zeros((channels, length), np.float32)
        self._taken = 0
        self._powers = np.zeros(0)
        self._hops: list[float] = []

    def add(self, block: Samples) -> None:
        """Take samples [channels, n], full scale ±1."""
        self._taken += block.shape[1]
        self._gather(block)

    def loudness(self) -> Loudness:
        """Measure all that was added; nothing may follow."""
        length = self._pending.shape[1]
        self._gather(np.zeros((len(self._pending), self._hop + self._late + length), np.float32))
        return loudness_of(self.hops)

    @property
    def hops(self) -> Powers:
        """The K-weighted power of each 100 ms, summed over channels; complete after `loudness`."""
        # Whole hops of the sound itself, not of the silence behind it.
        return np.array(self._hops[: self._taken * _HOPS_PER_SECOND // self._rate])

    def _gather(self, block: Samples) -> None:
        self._pending = np.concatenate([self._pending, block], axis=1)
        length, hop = self._kernel_length, self._hop
        while self._pending.shape[1] >= hop + length:
            spectra = np.fft.rfft(self._pending[:, : hop + length])
            spectra *= self._spectrum
            weighted = np.fft.irfft(spectra)[:, length:]
            weighted *= weighted
            power = weighted.sum(axis=0, dtype=np.float64)
            self._pending = self._pending[:, hop:]
            skipped, self._late = self._late, 0
            self._powers = np.concatenate([self._powers, power[skipped:]])
            self._sum_hops()

    def _sum_hops(self) -> None:
        done = len(self._hops)
        at = done * self._rate // _HOPS_PER_SECOND
        # As many as are whole, and where they begin; a rate need not be a multiple of ten.
        count = (at + len(self._powers)) * _HOPS_PER_SECOND // self._rate - done
        edges = np.arange(done, done + count + 1) * self._rate // _HOPS_PER_SECOND - at
        if edges[-1] > len(self._powers):
            edges = edges[:-1]
        if len(edges) < 2:
            return
        sums = np.add.reduceat(self._powers[: edges[-1]], edges[:-1])
        self._hops += (sums / np.diff(edges)).tolist()
        self._powers = self._powers[edges[-1] :]


def loudness_of(hops: Powers) -> Loudness:
    """Return the loudness of a sound by the K-weighted power of each 100 ms."""
    momentary, short_term = _means(hops, _MOMENTARY), _means(hops, _SHORT_TERM)
    return Loudness(
        integrated_loudness(hops),
        _in_lufs(momentary.max(initial=0.0)),
        _in_lufs(short_term.max(initial=0.0)),
        _range(short_term),
    )


def integrated_loudness(hops: Powers) -> float | None:
    """Return the loudness in LUFS of the gated power of each 100 ms; None where nothing passes."""
    return gated(_means(hops, _MOMENTARY))


def gated(blocks: Powers) -> float | None:
    """Return the loudness of blocks of 400 ms by their K-weighted powers, in LUFS.

    The absolute gate is at -70 LUFS, the relative one 10 LU below the mean of what passes the
    first; None where nothing does.
    """
    loud = blocks[blocks > _ABSOLUTE_GATE]
    if not len(loud):
        return None
    return _in_lufs(loud[loud > loud.mean() / 10].mean())


def k_response(frequencies: npt.NDArray[np.float64]) -> npt.NDArray[np.complex128]:
    """Return the response of the two filters of BS.1770-4, tables 1 and 2 (at 48 kHz) [n]."""
    z = np.exp(-2j * np.pi * np.minimum(frequencies, 23_999.0) / 48_000.0)
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    high_pass = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    response: npt.NDArray[np.complex128] = shelf * high_pass
    return response


def _means(hops: Powers, size: int) -> Powers:
    if len(hops) < size:
        return np.zeros(0)
    means: Powers = np.lib.stride_tricks.sliding_window_view(hops, size).mean(axis=1)
    return means


def _in_lufs(power: float) -> float | None:
    return float(-0.691 + 10 * np.log10(power)) if power > 0 else None


def _range(short_term: Powers) -> float | None:
    loud = short_term[short_term > _ABSOLUTE_GATE]
    if not len(loud):
        return None
    loud = loud[loud > loud.mean() / 100]
    low, high = np.percentile(10 * np.log10(loud), [10, 95])
    return float(high - low)
