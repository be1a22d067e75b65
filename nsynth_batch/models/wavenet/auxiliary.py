"""The auxiliary loss: a small head reads the spectrum of a frame from its encoding.

A teacher-forced decoder gets the pitch from its past for free, so that the encoding need not hold
it; the head asks the encoding for it. The head is trained beside the model and is no part of it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.draws import generator
from nsynth_batch.models.wavenet.config import Config
from nsynth_batch.models.wavenet.frame_spectra import frame_spectra
from nsynth_batch.models.weights import Array

HIDDEN = 128
BANDS = 144
BANDS_AN_OCTAVE = 24
LOWEST_HERTZ = 55.0
FLOOR = 0.01
_FIRST_BIAS = -2.0


def head_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Return the shape of each of the head's tensors."""
    return {
        "auxiliary/hidden/W": (config.ae_bottleneck, HIDDEN),
        "auxiliary/hidden/biases": (HIDDEN,),
        "auxiliary/bands/W": (HIDDEN, BANDS),
        "auxiliary/bands/biases": (BANDS,),
    }


def initial_head(config: Config, seed: int) -> dict[str, Array]:
    """Return what the head begins with; the same seed gives the same."""
    head = {}
    for name, shape in head_shapes(config).items():
        if name.endswith("/biases"):
            value = np.full(shape, _FIRST_BIAS if "bands" in name else 0.0)
        else:
            value = generator(seed, name).normal(0, 1 / np.sqrt(shape[0]), shape)
        head[name] = value.astype(np.float32)
    return head


def spectra(config: Config, audio: npt.NDArray[np.float32]) -> Array:
    """Return the spectrum around each frame, on a quarter-tone axis.

    Of a Hann window of four hops around the frame: log(magnitude / 100 + 0.01) in triangular
    bands of six octaves from 55 Hz.

    Parameters
    ----------
    config : Config
    audio : float32 [B, T], T a multiple of the hop

    Returns
    -------
    float32 [B, T / hop, 144]

    Examples
    --------
    >>> from nsynth_batch.models.wavenet.config import CONFIGS
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(4096, dtype=np.float32) / 16000)[None]
    >>> int(spectra(CONFIGS["small"], tone)[0, 4].argmax())  # 440 Hz: three octaves above 55 Hz
    72
    """
    magnitudes = frame_spectra(audio, config.ae_hop_length)
    size = 2 * (magnitudes.shape[-1] - 1)
    # By einsum: the threads of numpy's BLAS would spin between products on the cores that train.
    bands = np.einsum("bfk,nk->bfn", magnitudes, _bands(config.sample_rate, size))
    return np.asarray(np.log(bands + FLOOR), np.float32)


@lru_cache(maxsize=4)
def _bands(sample_rate: int, size: int) -> npt.NDArray[np.float32]:
    """Return triangular bands that each sum to 1, float32 [BANDS, size // 2 + 1]."""
    hertz = np.fft.rfftfreq(size, 1 / sample_rate)
    edges = LOWEST_HERTZ * 2 ** (np.arange(-1, BANDS + 1) / BANDS_AN_OCTAVE)
    below, centre, above = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (hertz - below) / (centre - below), (above - hertz) / (above - centre)
    bands = np.maximum(0, np.minimum(rising, falling))
    for band, middle in zip(bands, edges[1:-1], strict=True):
        if band.sum() < 1:  # narrower than a bin of the transform: between its two neighbours
            place = min(middle / hertz[1], len(hertz) - 1.001)
            band[:] = 0
            band[int(place)], band[int(place) + 1] = 1 - place % 1, place % 1
    return np.asarray(bands / bands.sum(axis=1, keepdims=True), np.float32)
