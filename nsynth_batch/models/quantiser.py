"""Quantisers: audio to 8-bit codes and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sequencer.audio.samples import from_int16, to_int16

MU = 255
LOWEST, HIGHEST = -128, 127


def encode(audio: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
    """Quantise audio to mu-law codes.

    ``floor(128 · sign(x) · ln(1 + 255|x|) / ln 256)``, clipped to [-128, 127]: x = 1 would give
    128, which has no bin. In float32 throughout, since a float64 logarithm gives -129 for x = -1.
    The formula is that of ITU-T G.711's continuous form, the offset-free rounding magenta's.

    Parameters
    ----------
    audio : float32, any shape, in [-1, 1]

    Returns
    -------
    int16, the same shape, in [-128, 127]
    """
    x = np.asarray(audio, dtype=np.float32)
    scale = np.float32(128) / np.log(np.float32(1 + MU))
    codes = np.floor(np.sign(x) * np.log1p(np.float32(MU) * np.abs(x)) * scale)
    return np.asarray(np.clip(codes, LOWEST, HIGHEST), dtype=np.int16)


def decode(codes: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    """Turn mu-law codes back into audio.

    ``sign(y) / 255 · (256^|y| - 1)`` with ``y = (q + 0.5) / 128``; code 0 is exactly 0.

    Parameters
    ----------
    codes : integers, any shape, in [-128, 127]

    Returns
    -------
    float32, the same shape, in (-1, 1)
    """
    bins = np.asarray(codes, dtype=np.int64) - LOWEST
    return _TABLE[bins]


def edges() -> npt.NDArray[np.float64]:
    """Return the borders between the codes, in audio: code c lies from c - LOWEST to the next.

    Returns
    -------
    float64 [257], rising; the first and the last are infinite
    """
    y = np.arange(LOWEST, HIGHEST + 2) / 128.0
    borders = np.sign(y) / MU * ((1 + MU) ** np.abs(y) - 1)
    borders[0], borders[-1] = -np.inf, np.inf
    return np.asarray(borders)


def _table() -> npt.NDArray[np.float32]:
    y = (np.arange(LOWEST, HIGHEST + 1, dtype=np.float32) + np.float32(0.5)) / np.float32(128)
    audio = np.sign(y) / np.float32(MU) * (np.float32(1 + MU) ** np.abs(y) - 1)
    audio[-LOWEST] = 0.0
    return np.asarray(audio, dtype=np.float32)


_TABLE: npt.NDArray[np.float32] = _table()


@dataclass(frozen=True)
class Quantiser:
    """A way to write audio as codes.

    Attributes
    ----------
    name : str
        As a checkpoint's metadata names it.
    lowest : int
        The lowest code.
    levels : int
        How many codes there are.
    encode : callable
        Audio to int16 codes.
    decode : callable
        Codes to float32 audio.
    edges : callable
        The borders between the codes, float64 [levels + 1].
    """

    name: str
    lowest: int
    levels: int
    encode: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.int16]]
    decode: Callable[[npt.NDArray[np.integer]], npt.NDArray[np.float32]]
    edges: Callable[[], npt.NDArray[np.float64]]


MU_LAW_NSYNTH = Quantiser("mu-law-nsynth", LOWEST, HIGHEST - LOWEST + 1, encode, decode, edges)
"""Mu-law with the quirks of the published model."""


def _common_encode(audio: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
    x = np.clip(np.asarray(audio, dtype=np.float64), -1, 1)
    curve = np.sign(x) * np.log1p(MU * np.abs(x)) / np.log1p(MU)
    return np.asarray(np.floor((curve + 1) / 2 * MU + 0.5) + LOWEST, dtype=np.int16)


def _common_decode(codes: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    return np.asarray(_expanded(np.asarray(codes, np.float64) - LOWEST), dtype=np.float32)


def _common_edges() -> npt.NDArray[np.float64]:
    return _open_ended(_expanded(np.arange(MU + 2, dtype=np.float64) - 0.5))


def _expanded(bins: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    y = 2 * bins / MU - 1
    return np.asarray(np.sign(y) / MU * ((1 + MU) ** np.abs(y) - 1))


def _open_ended(borders: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    return np.concatenate([[-np.inf], borders[1:-1], [np.inf]])


MU_LAW = Quantiser(
    "mu-law", LOWEST, HIGHEST - LOWEST + 1, _common_encode, _common_decode, _common_edges
)
"""Mu-law as most implementations of WaveNet have it: 256 codes from -1 to 1, both included.

No code is exactly 0: silence is code 0 (128 of 0 to 255), which comes back as 0.00009.
"""


def _pcm_decode(codes: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    return from_int16(np.asarray(codes, np.int16))


def _pcm_edges() -> npt.NDArray[np.float64]:
    return _open_ended((np.arange(-(2**15), 2**15 + 1, dtype=np.float64) - 0.5) / 2**15)


PCM = Quantiser("pcm-16", -(2**15), 2**16, to_int16, _pcm_decode, _pcm_edges)
"""Samples of 16 bits, for engines that make sound and draw no codes of it."""


def linear(gain: float = 1.0) -> Quantiser:
    """Return 256 steps of one size, with zero at the middle code.

    Parameters
    ----------
    gain : float
        What audio is multiplied by first, the same for a whole corpus: one over its peak uses all
        codes.

    Raises
    ------
    ValueError
        If the gain is not above 0 and finite.
    """
    if not (np.isfinite(gain) and gain > 0):
        raise ValueError(f"gain must be above 0 and finite, not {gain}")
    step = 1 / (-LOWEST * gain)

    def encode(audio: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
        steps = np.floor(np.asarray(audio, dtype=np.float64) / step + 0.5)
        return np.asarray(np.clip(steps, LOWEST, HIGHEST), dtype=np.int16)

    def decode(codes: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
        return np.asarray(np.asarray(codes, np.float64) * step, dtype=np.float32)

    def edges() -> npt.NDArray[np.float64]:
        return _open_ended((np.arange(LOWEST, HIGHEST + 2, dtype=np.float64) - 0.5) * step)

    return Quantiser("linear", LOWEST, HIGHEST - LOWEST + 1, encode, decode, edges)


def quantiser_named(name: str, gain: float = 1.0) -> Quantiser:
    """Return the quantiser that a model's metadata names.

    Parameters
    ----------
    name : str
        ``mu-law-nsynth``, ``mu-law`` or ``linear``.
    gain : float
        Of the linear one; the others have none.

    Raises
    ------
    ValueError
        If there is none of that name, or the gain is not above 0.

    Examples
    --------
    >>> quantiser_named("linear", gain=2.0).encode(np.array([0.0, 0.25, 0.5], np.float32))
    array([  0,  64, 127], dtype=int16)
    """
    if name == "linear":
        return linear(gain)
    found = {quantiser.name: quantiser for quantiser in (MU_LAW_NSYNTH, MU_LAW)}
    if name not in found:
        raise ValueError(
            f"no quantiser is called {name!r}: choose one of {', '.join([*found, 'linear'])}"
        )
    return found[name]
