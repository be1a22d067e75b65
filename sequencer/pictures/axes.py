"""Axes of matplotlib in units that a musician reads: seconds, and Hz or kHz."""

from __future__ import annotations

from typing import Any

from sequencer.optional import extra


def seconds_along(axes: Any) -> None:
    """Write seconds at the ticks along the foot, also where panels above share the axis."""
    ticker = extra("matplotlib.ticker", "matplotlib")
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda seconds, _: f"{seconds:g} s"))
    axes.tick_params(axis="x", labelbottom=True)


def hertz_up(axes: Any) -> None:
    """Write frequencies at the ticks up the side of axes in Hz."""
    ticker = extra("matplotlib.ticker", "matplotlib")
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda hertz, _: hertz_words(hertz)))


def hertz_words(hertz: float) -> str:
    """Return a frequency as 500 Hz or 2 kHz."""
    return f"{hertz / 1000:g} kHz" if hertz >= 1000 else f"{hertz:g} Hz"
