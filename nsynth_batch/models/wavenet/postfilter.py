"""The postfilter: what a WaveNet decodes is filtered to the spectrum that its encoding names.

A WaveNet that was taught for hours, not weeks, follows strokes and pitch and is never quite sure of
the next sample, so that a floor of hiss lies under everything and covers partials. A small network
reads the spectrum around each frame from the encoding; bands in which the sound has more than that
are turned down, others up. Speech codecs have postfilters that do so by what their frames say
(Chen and Gersho, "Adaptive postfiltering for quality enhancement of coded speech", 1995).

No gradient teaches it. Its first layer is drawn by seed and stays, and its last is solved for:
least squares over the frames of a corpus, with a ridge (Huang, Zhu and Siew, "Extreme learning
machine", 2006). NumPy alone, and each clip by itself: the same clip has the same bytes in any
batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.draws import generator
from nsynth_batch.models.row_product import row_product
from nsynth_batch.models.wavenet.config import POSTFILTER_TAPS
from nsynth_batch.models.wavenet.frame_spectra import SCALE, frame_spectra, framed, window
from nsynth_batch.models.weights import Array

FLOOR = 0.001
"""What is added to magnitudes before their logarithm: 20 · log10 of it is -60 dB of about 1."""

HIDDEN = 512
"""Channels of the first layer."""

_RIDGE = 1e-3
"""Of the least squares, for each frame: small beside features of about 1."""

PASSES = 2
"""After one pass neighbouring frames, which overlap, still pull a band to and fro."""

_MOST_DOWN, _MOST_UP = -40 / 8.686, 20 / 8.686
"""In nepers: -40 dB and 20 dB."""

_BLOCK = 256
"""Frames at once, so that memory does not grow with a clip's length."""


def spectra(audio: npt.NDArray[np.float32], hop: int) -> Array:
    """Return the spectrum around each frame, in as many even bands as a frame has samples.

    Of a Hann window of four hops around the frame: log(magnitude / 100 + 0.001), the mean of two
    bins each, from 0 Hz to half the sample rate.

    Parameters
    ----------
    audio : float32 [..., T], T a multiple of the hop
    hop : int
        In samples.

    Returns
    -------
    float32 [..., T / hop, hop]

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(4096, dtype=np.float32) / 16000)
    >>> int(spectra(tone, 512)[4].argmax())  # of 512 bands up to 8 kHz
    64
    """
    return _logarithms(frame_spectra(audio, hop))


def fitted(
    encodings: Sequence[Array], sounds: Sequence[npt.NDArray[np.float32]], hop: int, seed: int = 0
) -> dict[str, Array]:
    """Return the tensors of a postfilter that reads the spectra of sounds from their encodings.

    Parameters
    ----------
    encodings : sequence of float32 [F, width]
        At least one frame together.
    sounds : sequence of float32 [F · hop]
        What they are encodings of.
    hop : int
        In samples.
    seed : int
        Of the first layer.

    Returns
    -------
    dict of str to float32 arrays
        By the names that `config.tensor_shapes` has.
    """
    around = [_around(one).astype(np.float64) for one in encodings]
    rows = np.concatenate(around)
    width = rows.shape[1]
    # Each number of an encoding counts alike: the first layer takes it less its mean, by its
    # deviation; one that never moves says nothing.
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(deviation > 1e-6, 1 / np.maximum(deviation, 1e-6), 0.0)
    draw = generator(seed, "postfilter")
    first = scale[:, None] * draw.normal(0, 1 / np.sqrt(width), (width, HIDDEN))
    biases = draw.uniform(-1, 1, HIDDEN) - mean @ first
    products = _RIDGE * len(rows) * np.eye(HIDDEN + width + 1)
    wanted = np.zeros((len(products), hop))
    # Sound by sound: the features of all would take ten times what they are made of.
    for given, sound in zip(around, sounds, strict=True):
        hidden = np.maximum(given @ first + biases, 0)
        features = np.concatenate(
            [hidden, (given - mean) * scale, np.ones((len(given), 1))], axis=1
        )
        products += features.T @ features
        wanted += features.T @ spectra(sound, hop)
    found = np.linalg.solve(products, wanted)
    hidden, linear, constant = found[:HIDDEN], found[HIDDEN:-1] * scale[:, None], found[-1]
    taps = (1, POSTFILTER_TAPS, width // POSTFILTER_TAPS)
    tensors = {
        "postfilter/hidden/W": first.reshape(*taps, HIDDEN),
        "postfilter/hidden/biases": biases,
        "postfilter/bands/W": hidden.reshape(1, 1, HIDDEN, hop),
        "postfilter/bands/biases": constant - mean @ linear,
        "postfilter/linear/W": linear.reshape(*taps, hop),
    }
    return {name: value.astype(np.float32) for name, value in tensors.items()}


def named(tensors: Mapping[str, Array], encoding: Array) -> Array:
    """Return the spectra that an encoding names.

    Parameters
    ----------
    tensors : mapping of str to float32 arrays
        The model's.
    encoding : float32 [F, bottleneck]

    Returns
    -------
    float32 [F, hop]
        As `spectra` returns them.
    """
    rows = _around(encoding)
    hidden = row_product(rows, _matrix(tensors, "hidden")) + tensors["postfilter/hidden/biases"]
    bands = row_product(np.maximum(hidden, np.float32(0)), _matrix(tensors, "bands"))
    return (
        bands + row_product(rows, _matrix(tensors, "linear")) + tensors["postfilter/bands/biases"]
    )


def filtered(audio: Array, wanted: Array) -> Array:
    """Filter a clip to spectra.

    Parameters
    ----------
    audio : float32 [F · hop]
        Of full scale ±1.
    wanted : float32 [F, hop]
        As `spectra` returns them.

    Returns
    -------
    float32 [F · hop], in [-1, 1]

    Examples
    --------
    >>> tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(16384, dtype=np.float32) / 16000)
    >>> hiss = np.random.default_rng(1).normal(0, 0.05, 16384).astype(np.float32)
    >>> made = filtered(tone + hiss, spectra(tone, 512))
    >>> bool(np.std(made - tone) < 0.6 * np.std(hiss))
    True
    """
    for _ in range(PASSES):
        audio = _passed(audio, wanted)
    return np.clip(audio, -1, 1)


def _passed(audio: Array, wanted: Array) -> Array:
    count, hop = wanted.shape
    frames, shape = framed(audio, hop), window(hop)
    size = len(shape)
    before = (size - hop) // 2
    made, weight = np.zeros((2, len(audio) + size - hop))
    for start in range(0, count, _BLOCK):
        stop = start + _BLOCK
        bins = np.fft.rfft(frames[start:stop] * shape)
        found = _logarithms(np.abs(bins) / SCALE)
        gains = np.clip(wanted[start:stop] - found, _MOST_DOWN, _MOST_UP)
        sounds = np.fft.irfft(bins * np.exp(_of_bins(gains))) * shape
        for number, sound in enumerate(sounds, start):
            made[number * hop : number * hop + size] += sound
            weight[number * hop : number * hop + size] += shape**2
    whole = slice(before, before + len(audio))
    return np.asarray(made[whole] / weight[whole], np.float32)


def _logarithms(magnitudes: npt.NDArray[np.floating]) -> Array:
    """Return the logarithms of bands of two bins each; the last bin is left out."""
    bands = (magnitudes[..., :-1:2] + magnitudes[..., 1::2]) / 2
    return np.asarray(np.log(bands + FLOOR), np.float32)


def _of_bins(bands: Array) -> Array:
    """Return what stands between the middles of bands, for each bin."""
    count = bands.shape[-1]
    places = np.clip((np.arange(2 * count + 1) - 0.5) / 2, 0, count - 1)
    below = np.minimum(places.astype(np.int64), count - 2)
    share = (places - below).astype(np.float32)
    return np.asarray(bands[..., below] * (1 - share) + bands[..., below + 1] * share)


def _around(encoding: Array) -> Array:
    """Return each frame with its neighbours beside it, silence before and after."""
    beside = POSTFILTER_TAPS // 2
    padded = np.pad(encoding, ((beside, beside), (0, 0)))
    taps = [padded[k : k + len(encoding)] for k in range(POSTFILTER_TAPS)]
    return np.concatenate(taps, axis=1)


def _matrix(tensors: Mapping[str, Array], name: str) -> Array:
    weights = tensors[f"postfilter/{name}/W"]
    return weights.reshape(-1, weights.shape[-1])
