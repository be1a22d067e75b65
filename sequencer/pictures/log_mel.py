"""Log-mel spectrograms: the envelope and brightness of a sound, which colours of phase hide."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sequencer.audio.samples import Samples, require_mono
from sequencer.optional import extra

WINDOW = 1024
HOP = 256
BANDS = 96
LOWEST_HZ = 40.0
RANGE_DB = 80.0


def log_mel(samples: Samples, sample_rate: int) -> npt.NDArray[np.uint8]:
    """Draw a sound.

    Parameters
    ----------
    samples : ndarray, float32 [n]
        Mono.
    sample_rate : int
        In Hz; bands go up to half of it.

    Returns
    -------
    ndarray, uint8 [96, 1 + n // 256, 3]
        RGB, the highest band in the first row. Black is 80 dB below the loudest point, or silence.

    Raises
    ------
    SequencerError
        When librosa or matplotlib are not installed.
    """
    colours = extra("matplotlib", "matplotlib").colormaps["magma"]
    power = mel_power(samples, sample_rate, BANDS, LOWEST_HZ)
    loudest = float(power.max())
    if loudest == 0.0:
        return np.zeros((*power.shape, 3), np.uint8)
    decibels = 10 * np.log10(np.maximum(power / loudest, 10 ** (-RANGE_DB / 10)))
    picture: npt.NDArray[np.uint8] = np.rint(
        colours(decibels[::-1] / RANGE_DB + 1)[..., :3] * 255
    ).astype(np.uint8)
    return picture


def mel_power(
    samples: Samples, sample_rate: int, bands: int, lowest: float
) -> npt.NDArray[np.float32]:
    """Measure power in bands of the mel scale (Slaney's), in windows of 1,024 samples.

    Parameters
    ----------
    samples : ndarray, float32 [n]
        Mono.
    sample_rate, bands : int
        Bands go up to half the sample rate.
    lowest : float
        In Hz.

    Returns
    -------
    ndarray, float32 [bands, 1 + n // 256]
        The lowest band first.

    Raises
    ------
    SequencerError
        When librosa is not installed.
    """
    require_mono(samples)
    power: npt.NDArray[np.float32] = extra("librosa", "librosa").feature.melspectrogram(
        y=np.pad(samples, (0, max(0, WINDOW - len(samples)))),
        sr=sample_rate,
        n_fft=WINDOW,
        hop_length=HOP,
        n_mels=bands,
        fmin=lowest,
    )
    return power[:, : 1 + len(samples) // HOP]
