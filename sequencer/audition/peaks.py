"""Waveforms as a few numbers, so that no browser has to decode a sound to draw it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from sequencer.audio.samples import Samples

COLUMNS = 160
_CHUNK = 160


def peaks(blocks: Iterable[Samples], columns: int = COLUMNS) -> bytes:
    """Return the largest magnitude in each of some equal stretches of a sound.

    Parameters
    ----------
    blocks : iterable of ndarray, float32 [n]
        Blocks of the sound in order, full scale ±1; they are read once.
    columns : int
        How many stretches.

    Returns
    -------
    bytes
        A byte a column, 255 is full scale. A sound of fewer than `columns` chunks of 160 samples
        has as many columns as chunks.
    """
    found: list[npt.NDArray[np.float32]] = []
    rest = np.zeros(0, np.float32)
    for block in blocks:
        joined = np.abs(np.concatenate([rest, block]))
        whole = len(joined) // _CHUNK * _CHUNK
        found.append(joined[:whole].reshape(-1, _CHUNK).max(axis=1))
        rest = joined[whole:]
    if len(rest):
        found.append(rest.max(keepdims=True))
    levels = np.concatenate(found) if found else np.zeros(0, np.float32)
    if len(levels) > columns:
        edges = np.arange(columns) * len(levels) // columns
        levels = np.maximum.reduceat(levels, edges)
    return bytes(np.rint(np.minimum(levels, 1.0) * 255).astype(np.uint8))
