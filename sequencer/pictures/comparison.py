"""Sounds beside each other: a waveform and a spectrogram each, on one time scale."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sequencer.audio.samples import Samples
from sequencer.optional import extra
from sequencer.pictures.channels import draw_channels

WINDOW_SECONDS = 0.064
RANGE_DB = 80.0


def comparison(
    sounds: Sequence[tuple[str, Samples]],
    sample_rate: int,
    encoding: tuple[str, npt.NDArray[np.float32], float] | None = None,
) -> bytes:
    """Draw sounds below each other, as a PNG; the same sounds give the same bytes.

    Parameters
    ----------
    sounds : sequence of (title, float32 [n])
        For example a source and what a model made of it. Mono, full scale ±1.
    sample_rate : int
        Of all of them, in Hz.
    encoding : (title, float32 [frames, width], float), optional
        One to draw below them over time, and the seconds that its frames stand for.

    Returns
    -------
    bytes
        A row a sound: its waveform on the left; its spectrogram on the right, to half the sample
        rate, black 80 dB below the loudest point of all the pictures.

    Raises
    ------
    SequencerError
        When matplotlib is not installed.
    """
    figures = extra("matplotlib.figure", "matplotlib")
    window = round(WINDOW_SECONDS * sample_rate)
    seconds = max(len(samples) for _, samples in sounds) / sample_rate
    spectra = [_levels(samples, window) for _, samples in sounds]
    loudest = max(float(levels.max()) for levels in spectra)
    count = len(sounds) + (encoding is not None)
    figure = figures.Figure(figsize=(12, 2.1 * count), dpi=80, layout="constrained")
    rows = figure.subplots(count, 2, squeeze=False, sharex=True)
    below = rows[-1]
    if encoding is not None:
        for axes in below:
            axes.remove()
        rows, below = rows[:-1], [figure.add_subplot(rows[0, 0].get_gridspec()[-1, :])]
        draw_channels(below[0], *encoding)
        below[0].set_xlim(0, seconds)
    for (wave, spectrogram), (title, samples), levels in zip(rows, sounds, spectra, strict=True):
        _draw_wave(wave, title, samples, sample_rate)
        spectrogram.imshow(
            levels,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=loudest - RANGE_DB,
            vmax=loudest,
            extent=(0, max(len(samples), window) / sample_rate, 0, sample_rate / 2000),
        )
        spectrogram.set_ylabel("kHz")
        spectrogram.set_xlim(0, seconds)
    for axes in below:
        axes.set_xlabel("seconds")
    out = io.BytesIO()
    with warnings.catch_warnings():
        # A title may hold letters that the font does not have; a box stands for each.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _draw_wave(axes: Any, title: str, samples: Samples, sample_rate: int) -> None:
    axes.plot(np.arange(len(samples)) / sample_rate, samples, linewidth=0.4, color="#2a4d7a")
    axes.set_ylim(-1, 1)
    # A title may hold a dollar, which matplotlib would read as mathematics.
    axes.set_title(title.replace("$", r"\$"), loc="left", fontsize=9)


def _levels(samples: Samples, window: int) -> Any:
    """Return levels in decibels, [window // 2 + 1, frames]."""
    padded = np.pad(samples, (0, max(0, window - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[:: window // 4]
    magnitudes = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)).T
    return 20 * np.log10(magnitudes + 1e-6)
