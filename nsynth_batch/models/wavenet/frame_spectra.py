"""The spectrum around each frame of an encoding."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.weights import Array

WINDOW_HOPS = 4
SCALE = 100.0
"""What magnitudes are divided by, so that those of music are about 1."""


def window(hop: int) -> Array:
    """Return the Hann window of a frame, float32 [4 · hop]."""
    return np.hanning(WINDOW_HOPS * hop + 1)[:-1].astype(np.float32)


def framed(audio: npt.NDArray[np.float32], hop: int) -> Array:
    """Return a view of the stretch around each frame, with silence before and after.

    Parameters
    ----------
    audio : float32 [..., T], T a multiple of the hop
    hop : int
        In samples.

    Returns
    -------
    float32 [..., T / hop, 4 · hop]
    """
    size = WINDOW_HOPS * hop
    before = (size - hop) // 2
    edges = [(0, 0)] * (audio.ndim - 1) + [(before, size - hop - before)]
    padded = np.pad(audio, edges)
    return np.lib.stride_tricks.sliding_window_view(padded, size, axis=-1)[..., ::hop, :]


def frame_spectra(audio: npt.NDArray[np.float32], hop: int) -> Array:
    """Return magnitudes around each frame, divided by 100.

    Parameters
    ----------
    audio : float32 [..., T], T a multiple of the hop
    hop : int
        In samples.

    Returns
    -------
    float32 [..., T / hop, 2 · hop + 1]
    """
    return np.abs(np.fft.rfft(framed(audio, hop) * window(hop))).astype(np.float32) / np.float32(
        SCALE
    )
