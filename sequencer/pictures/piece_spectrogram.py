"""The spectrogram of a whole piece, however long, as one small picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from sequencer.audio.recording import open_recording

LOWEST_HZ = 40.0
RANGE_DB = 70.0

_WINDOW_SECONDS = 0.128
_FRAMES_A_BLOCK = 64
_COLUMNS, _ROWS = 1400, 96
_NOTHING = 1e-12


def piece_spectrogram(sound: Path) -> tuple[npt.NDArray[np.float32], float, float]:
    """Measure a sound's spectrum over its time, in bounded memory.

    Parameters
    ----------
    sound : Path

    Returns
    -------
    float32 [bands, columns]
        Levels in dB below the loudest, -70 to 0; bands of equal width in octaves, the lowest first.
        A column is the mean of what falls in it.
    float, float
        The highest frequency in Hz, and how many seconds the columns cover.

    Raises
    ------
    AudioError
        When the file is no sound.
    """
    frames: list[npt.NDArray[np.float64]] = []
    with open_recording(sound) as recording:
        rate = recording.sample_rate
        size = round(_WINDOW_SECONDS * rate)
        window = np.hanning(size)
        for block in recording.mono_blocks(rate, _FRAMES_A_BLOCK * size / rate):
            padded = np.pad(block, (0, -len(block) % size))
            power = np.abs(np.fft.rfft(padded.reshape(-1, size) * window)) ** 2
            frames.append(_bands(power, rate / size))
    every = np.concatenate(frames)
    seconds = len(every) * size / rate
    if len(every) > _COLUMNS:
        edges = np.arange(_COLUMNS) * len(every) // _COLUMNS
        every = np.add.reduceat(every, edges) / np.diff([*edges, len(every)])[:, None]
    loudest = max(float(every.max()), _NOTHING)
    levels = 10 * np.log10(np.maximum(every / loudest, 10 ** (-RANGE_DB / 10)))
    return levels.T.astype(np.float32), rate / 2, seconds


def _bands(power: npt.NDArray[np.float64], bin_hertz: float) -> npt.NDArray[np.float64]:
    """Return mean power in bands of equal width in octaves, float64 [frames, _ROWS].

    Low bands are narrower than a bin: an integral, linear within a bin, has all widths.
    """
    bins = power.shape[1]
    highest = bins - 1.0
    edges = np.geomspace(LOWEST_HZ / bin_hertz, highest, _ROWS + 1)
    sums = np.pad(np.cumsum(power, axis=1), ((0, 0), (1, 0)))
    whole = np.minimum(edges.astype(np.int64), bins - 1)
    part = edges - whole
    integral = sums[:, whole] * (1 - part) + sums[:, whole + 1] * part
    means: npt.NDArray[np.float64] = np.diff(integral, axis=1) / np.diff(edges)
    return means
