"""A square of mash-ups in one picture: a spectrogram a point, its recordings at the corners."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from sequencer.audio.samples import Samples
from sequencer.optional import extra
from sequencer.pictures.log_mel import mel_power

BANDS, COLUMNS = 40, 48
"""Of the spectrogram of a point."""
LOWEST_HZ = 60.0
RANGE_DB = 70.0

_GAP = 3
_INCHES = 10


def square(sounds: Iterable[Samples], sample_rate: int, corners: Sequence[str]) -> bytes:
    """Draw a square of sounds, as a PNG; the same sounds give the same bytes.

    Parameters
    ----------
    sounds : iterable of float32 [n]
        Row by row, as many in each as there are rows. Mono; they are read once, one at a time.
    sample_rate : int
        Of all of them, in Hz.
    corners : sequence of str
        Titles: top left, top right, bottom left and bottom right.

    Returns
    -------
    bytes
        At each point a log-mel spectrogram of its own time, black 70 dB below the loudest of all.

    Raises
    ------
    SequencerError
        When librosa or matplotlib are not installed.
    """
    figures = extra("matplotlib.figure", "matplotlib")
    tiles = np.stack([_tile(samples, sample_rate) for samples in sounds])
    loudest = max(float(tiles.max()), 1e-12)
    levels = 10 * np.log10(np.maximum(tiles / loudest, 10 ** (-RANGE_DB / 10)))
    figure = figures.Figure(figsize=(_INCHES, _INCHES), dpi=80, layout="constrained")
    axes = figure.subplots()
    axes.imshow(
        _mosaic(levels), origin="upper", aspect="auto", cmap="magma", vmin=-RANGE_DB, vmax=0
    )
    axes.set_axis_off()
    for number, title in enumerate(corners):
        bottom, right = divmod(number, 2)
        axes.text(
            right, -0.01 if bottom else 1.01,
            # A title may hold a dollar, which matplotlib would read as mathematics.
            f"{'ABCD'[number]}: {title}".replace("$", r"\$"),
            transform=axes.transAxes,
            ha="right" if right else "left", va="top" if bottom else "bottom",
        )  # fmt: skip
    out = io.BytesIO()
    with warnings.catch_warnings():
        # A title may hold letters that the font does not have; a box stands for each.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _tile(samples: Samples, sample_rate: int) -> npt.NDArray[np.float32]:
    """Return power in bands over a sound's own time, float32 [BANDS, COLUMNS]."""
    power = mel_power(samples, sample_rate, BANDS, LOWEST_HZ)
    frames = power.shape[1]
    columns = np.arange(COLUMNS)
    if frames <= COLUMNS:
        return power[:, columns * frames // COLUMNS]
    tile: npt.NDArray[np.float32] = np.maximum.reduceat(power, columns * frames // COLUMNS, axis=1)
    return tile


def _mosaic(levels: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Set tiles [n * n, BANDS, COLUMNS] beside each other, the highest band of each on top."""
    size = round(len(levels) ** 0.5)
    high, wide = BANDS + _GAP, COLUMNS + _GAP
    whole = np.full((size * high - _GAP, size * wide - _GAP), np.nan)
    for number, tile in enumerate(levels):
        row, column = divmod(number, size)
        place = whole[row * high :, column * wide :]
        place[:BANDS, :COLUMNS] = tile[::-1]
    return whole
