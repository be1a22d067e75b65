"""Rainbowgrams: constant-Q spectrograms whose colour is the change of phase, as NSynth drew them.

Engel et al., "Neural Audio Synthesis of Musical Notes with WaveNet Autoencoders", 2017: lightness
is the magnitude, the hue the instantaneous frequency.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt

from sequencer.audio.samples import Samples, require_mono
from sequencer.optional import extra

DRAWN_RATE = 16_000
"""In Hz; every sound is drawn as it is at this rate, so that pictures can be compared: the highest
of the octaves lies below its half."""
HOP = 256
OCTAVES = 6
BINS_AN_OCTAVE = 40
FILTER_SCALE = 0.8
RANGE_DB = 70.0

# librosa wants more than the longest filter.
_LEAST_SAMPLES = 2 * DRAWN_RATE


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
        When librosa or matplotlib are not installed.
    """
    require_mono(samples)
    librosa = extra("librosa", "librosa")
    colours = extra("matplotlib", "matplotlib").colormaps["rainbow"]
    frames = 1 + len(samples) // HOP
    padded = np.pad(samples, (0, max(0, _LEAST_SAMPLES - len(samples))))
    spectrum = librosa.cqt(
        padded,
        sr=DRAWN_RATE,
        hop_length=HOP,
        fmin=librosa.note_to_hz("C2"),
        n_bins=OCTAVES * BINS_AN_OCTAVE,
        bins_per_octave=BINS_AN_OCTAVE,
        filter_scale=FILTER_SCALE,
    )[:, :frames]
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
