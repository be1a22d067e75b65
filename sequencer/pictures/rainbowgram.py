"""Rainbowgrams: constant-Q spectrograms whose colour is the change of phase, as NSynth drew them.

Engel et al., "Neural Audio Synthesis of Musical Notes with WaveNet Autoencoders", 2017: lightness
is the magnitude, the hue the instantaneous frequency.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt

from sequencer.audio.samples import Samples
from sequencer.optional import extra
from sequencer.pictures.transforms import Notes, constant_q

DRAWN_RATE = 16_000
"""In Hz; every sound is drawn as it is at this rate, so that pictures can be compared: the highest
of the octaves lies below its half."""
HOP = 256
OCTAVES = 6
BINS_AN_OCTAVE = 40
FILTER_SCALE = 0.8
RANGE_DB = 70.0

_LOWEST_HZ = 440.0 * 2 ** (-33 / 12)
"""C2."""


def rainbowgram(samples: Samples) -> npt.NDArray[np.uint8]:
    """Draw a sound.

    Parameters
    ----------
    samples : ndarray, float32 [n]
        Mono at `DRAWN_RATE`.

    Returns
    -------
    ndarray, uint8 [240, 1 + n // 256, 3]
        RGB, the highest note in the first row. Black is 70 dB below the loudest point, or
        silence.

    Raises
    ------
    SequencerError
        When matplotlib is not installed.
    """
    colours = extra("matplotlib", "matplotlib").colormaps["rainbow"]
    notes = Notes(_LOWEST_HZ, OCTAVES, BINS_AN_OCTAVE, FILTER_SCALE)
    spectrum = constant_q(samples, DRAWN_RATE, HOP, notes)
    phase = np.unwrap(np.angle(spectrum))
    change = np.diff(phase, axis=1, prepend=0.0) / np.pi
    power = np.abs(spectrum) ** 2
    loudest = float(power.max())
    if loudest == 0.0:
        return np.zeros((*power.shape, 3), np.uint8)
    decibels = 10 * np.log10(np.maximum(power / loudest, 10 ** (-RANGE_DB / 10)))
    # A black mask of alpha 1 - magnitude over a colour leaves colour times magnitude.
    magnitude = decibels / RANGE_DB + 1
    rgb = colours((change + 1) / 2)[..., :3] * magnitude[..., None]
    picture: npt.NDArray[np.uint8] = np.rint(rgb[::-1] * 255).astype(np.uint8)
    return picture


def png(picture: npt.NDArray[np.uint8]) -> bytes:
    """Write RGB values [rows, columns, 3] as a PNG that names neither time nor program."""
    out = io.BytesIO()
    extra("matplotlib.image", "matplotlib").imsave(
        out, picture, format="png", metadata={"Software": None}
    )
    return out.getvalue()
