"""Channels over time, a line of its own colour each: how encodings of sounds are drawn."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sequencer.optional import extra
from sequencer.pictures.axes import seconds_along


def draw_channels(
    axes: Any, title: str, encoding: npt.NDArray[np.float32], seconds_a_frame: float
) -> None:
    """Draw an encoding into axes of matplotlib, under its title.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    title : str
    encoding : float32 [frames, width]
    seconds_a_frame : float
        Of sound that a frame stands for.
    """
    colours = extra("matplotlib", "matplotlib").colormaps["turbo"]
    times = (np.arange(len(encoding)) + 0.5) * seconds_a_frame
    width = encoding.shape[1]
    for channel in range(width):
        colour = colours(channel / max(1, width - 1))
        # A single frame is a point: a line of it would not be seen.
        marker = "." if len(encoding) == 1 else ""
        axes.plot(times, encoding[:, channel], color=colour, linewidth=0.9, marker=marker)
    axes.set_ylabel("value")
    seconds_along(axes)
    # A title may hold a dollar, which matplotlib would read as mathematics.
    axes.set_title(title.replace("$", r"\$"), loc="left", fontsize=9)


def channels(
    encodings: Sequence[tuple[str, npt.NDArray[np.float32]]], seconds_a_frame: float
) -> bytes:
    """Draw encodings below each other, as a PNG; the same ones give the same bytes.

    Parameters
    ----------
    encodings : sequence of (title, float32 [frames, width])
        NSynth's have 16 channels, so 16 colours, as its paper draws them.
    seconds_a_frame : float
        Of sound that a frame stands for.

    Returns
    -------
    bytes
        A row an encoding, all on one scale of time and of values.

    Raises
    ------
    SequencerError
        When matplotlib is not installed.
    """
    figures = extra("matplotlib.figure", "matplotlib")
    figure = figures.Figure(figsize=(10, 2.4 * len(encodings)), dpi=80, layout="constrained")
    rows = figure.subplots(len(encodings), 1, squeeze=False, sharex=True, sharey=True)[:, 0]
    for axes, (title, encoding) in zip(rows, encodings, strict=True):
        draw_channels(axes, title, encoding, seconds_a_frame)
        axes.margins(x=0)
    out = io.BytesIO()
    with warnings.catch_warnings():
        # A title may hold letters that the font does not have; a box stands for each.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()
