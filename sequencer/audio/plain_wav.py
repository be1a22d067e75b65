"""The commonest clip of all, a 16-bit WAV, read without a decoder: it is only copied."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

_PCM = 1


def plain_wav(data: bytes) -> tuple[int, npt.NDArray[np.int16]] | None:
    """Read a whole WAV file of 16-bit mono samples.

    Parameters
    ----------
    data : bytes
        The file.

    Returns
    -------
    sample_rate : int
    samples : ndarray, int16 [n]
        Or None for any other file, and for one with anything odd about it: a decoder reads that.
    """
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    at, rate = 12, 0
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        at += 8
        if at + size > len(data):
            return None
        if name == b"fmt " and size >= 16:
            kind, channels, rate, _, width, bits = struct.unpack_from("<HHIIHH", data, at)
            if (kind, channels, width, bits) != (_PCM, 1, 2, 16):
                return None
        elif name == b"data":
            whole = rate > 0 and size > 0 and size % 2 == 0
            return (rate, np.frombuffer(data, "<i2", size // 2, at)) if whole else None
        at += size + size % 2
    return None
