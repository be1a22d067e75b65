"""Sounds beside each other: a waveform and a spectrogram each, on one time scale."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sequencer.audio.samples import Samples, require_mono
from sequencer.optional import extra
from sequencer.pictures.axes import hertz_up, seconds_along
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
        rate, black 80 dB below the loudest point of all the pictures. Times are in seconds.

    Raises
    ------
    SequencerError
        When matplotlib is not installed.
    """
    for _, samples in sounds:
        require_mono(samples)
    figures = extra("matplotlib.figure", "matplotlib")
    window = round(WINDOW_SECONDS * sample_rate)
    seconds = max(len(samples) for _, samples in sounds) / sample_rate
    spectra = [_levels(samples, window) for _, samples in sounds]
    loudest = max(float(levels.max()) for levels in spectra)
    count = len(sounds) + (encoding is not None)
    figure = figures.Figure(figsize=(12, 2.1 * count), dpi=80, layout="constrained")
    rows = figure.subplots(count, 2, squeeze=False, sharex=True)
    if encoding is not None:
        for axes in rows[-1]:
            axes.remove()
        below = figure.add_subplot(rows[0, 0].get_gridspec()[-1, :])
        rows = rows[:-1]
        draw_channels(below, *encoding)
        below.set_xlim(0, seconds)
    for (wave, spectrogram), (title, samples), levels in zip(rows, sounds, spectra, strict=True):
        _draw_wave(wave, title, samples, sample_rate)
        step = _step(window) / sample_rate
        spectrogram.imshow(
            levels,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=loudest - RANGE_DB,
            vmax=loudest,
            # A frame is drawn about its middle, so that it stands below its sound.
            extent=(-step / 2, (levels.shape[1] - 0.5) * step, 0, sample_rate / 2),
        )
        _title(spectrogram, f"{title}: spectrogram")
        hertz_up(spectrogram)
        spectrogram.set_xlim(0, seconds)
        for axes in (wave, spectrogram):
            seconds_along(axes)
    out = io.BytesIO()
    with warnings.catch_warnings():
        # A title may hold letters that the font does not have; a box stands for each.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _draw_wave(axes: Any, title: str, samples: Samples, sample_rate: int) -> None:
    axes.plot(np.arange(len(samples)) / sample_rate, samples, linewidth=0.4, color="#2a4d7a")
    axes.set_ylim(-1, 1)
    axes.set_ylabel("of full scale")
    _title(axes, f"{title}: waveform")


def _title(axes: Any, title: str) -> None:
    # A title may hold a dollar, which matplotlib would read as mathematics.
    axes.set_title(title.replace("$", r"\$"), loc="left", fontsize=9)


def _step(window: int) -> int:
    """Return how many samples a frame lies after the one before it."""
    return window // 4


def _levels(samples: Samples, window: int) -> Any:
    """Return levels in decibels, [window // 2 + 1, frames]."""
    padded = np.pad(samples, (window // 2, window - window // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[:: _step(window)]
    magnitudes = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)).T
    return 20 * np.log10(magnitudes + 1e-6)
