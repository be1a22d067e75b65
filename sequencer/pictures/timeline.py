"""A composition at a glance: layers, events, what they are made of, sections, loudness."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sequencer.audio.recording import open_recording
from sequencer.clips.measures import measure
from sequencer.credits.aligned import AudibleRecording, Span, aligned, is_prime
from sequencer.credits.captions import section_ends
from sequencer.credits.palette import COLOURS, Palette
from sequencer.optional import extra
from sequencer.pictures.axes import hertz_words
from sequencer.pictures.piece_spectrogram import LOWEST_HZ, RANGE_DB, piece_spectrogram
from sequencer.score.score import Score
from sequencer.text import clock, counted, flattened

_INK, _SOFT, _PAPER, _PANEL = "#efecf8", "#a9a3c0", "#14121d", "#1d1a29"
_ACCENT = COLOURS[0]
_MOST_NAME = 22
_LEGEND_COLUMNS = 5
_LOUDNESS_SECONDS = 3.0
_MOST_POINTS = 1000
_LOUDNESS_FLOOR = -60.0
# The axis of loudness is from the softest to the loudest, in whole steps, as far as that goes.
_LOUDNESS_STEP = 6.0
_LEAST_LOUDNESS_RANGE, _MOST_LOUDNESS_RANGE = 12.0, 36.0
_GAP = 0.12


def timeline(score: Score, sound: Path | None = None, name: str = "") -> bytes:
    """Draw a composition as a PNG; the same score, sound and name give the same bytes.

    A row a layer; each event is as high as its fades let it be, divided between its recordings by
    their weights, in the colours that the legend names: see `Palette`.

    Parameters
    ----------
    score : Score
    sound : Path, optional
        The rendered composition, whose loudness and spectrum over time are drawn below.
    name : str
        Of the piece, for the heading.

    Raises
    ------
    SequencerError
        When matplotlib is not installed.
    AudioError
        When `sound` is None.
    """
    matplotlib = extra("matplotlib", "matplotlib")
    figures = extra("matplotlib.figure", "matplotlib")
    spans = aligned(score)
    palette = Palette(spans)
    rows = len(score.layers)
    heights = [0.9 * rows, *([0.8, 1.1] if sound else [])]
    # Titles are other people's: a dollar sign in them begins no formula, and where the font lacks
    # a letter a box stands for it.
    with matplotlib.rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        figure = figures.Figure(figsize=(16, 1.3 + sum(heights)), facecolor=_PAPER, dpi=100)
        panels = figure.subplots(
            len(heights), sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
        )[:, 0]
        for panel in panels:
            _dress(panel, score)
        _draw_events(panels[0], score, spans, palette)
        if sound:
            _draw_loudness(panels[1], sound)
            _draw_spectrogram(panels[2], sound)
        _label_time(panels[-1], score)
        _legend(figure, palette)
        figure.suptitle(
            _heading(score, name),
            x=0.065, y=0.985, ha="left", va="top", color=_INK, fontsize=13,
        )  # fmt: skip
        margin = 0.62 / figure.get_figheight()
        figure.subplots_adjust(0.065, margin * 0.7, 0.98, 1 - margin * 1.35, hspace=0.12)
        out = io.BytesIO()
        figure.savefig(out, format="png", facecolor=_PAPER, metadata={"Software": None})
    return out.getvalue()


def _heading(score: Score, name: str) -> str:
    parts = [_short(name)] if name else []
    parts += [score.style] if score.style else []
    parts += [clock(score.seconds), f"seed {score.seed}"]
    parts += [counted(len(score.events), "event"), counted(len(score.clips), "clip")]
    return " · ".join(parts)


@dataclass(frozen=True)
class _Shape:
    outline: npt.NDArray[np.float64]
    colour: str


def _draw_events(panel: Any, score: Score, spans: Sequence[Span], palette: Palette) -> None:
    collections = extra("matplotlib.collections", "matplotlib")
    rows = {layer.name: row for row, layer in enumerate(reversed(score.layers))}
    shapes = [
        shape for span in spans for shape in _shapes(span, rows[span.event.layer], score, palette)
    ]
    panel.add_collection(
        collections.PolyCollection(
            [shape.outline for shape in shapes],
            facecolors=[shape.colour for shape in shapes],
            edgecolors="none",
            alpha=0.82,
        )
    )
    panel.set_ylim(0, len(rows))
    panel.set_yticks([row + 0.5 for row in rows.values()], [str(name) for name in rows])
    many = len(score.sections) > 40
    for section, end in section_ends(score):
        start = section.start / score.sample_rate
        panel.axvline(start, color=_SOFT, linewidth=0.8, linestyle=(0, (2, 3)), zorder=0.5)
        if not many:
            panel.text(
                start, len(rows), f" {_short(section.name)}",
                color=_SOFT, fontsize=10, va="bottom", clip_on=False,
            )  # fmt: skip
        panel.axvspan(start, end / score.sample_rate, color=_PANEL, zorder=0)


def _shapes(span: Span, row: int, score: Score, palette: Palette) -> Iterator[_Shape]:
    """Stack a span's recordings by weight under the line of its fades."""
    event, rate = span.event, score.sample_rate
    places = {span.start, span.end, span.start + event.fade_in, event.end - event.fade_out}
    places.update(at for part in span.audible for at, _ in part.weights)
    at = np.array(sorted(place for place in places if span.start <= place <= span.end), np.float64)
    fades = np.ones_like(at)
    if event.fade_in:
        fades = np.minimum(fades, (at - event.start) / event.fade_in)
    if event.fade_out:
        fades = np.minimum(fades, (event.end - at) / event.fade_out)
    shares = np.array([_shares(part, at) for part in span.audible])
    if is_prime(span.clip):
        shares = np.ones((1, len(at)))
    shares /= np.maximum(shares.sum(axis=0), 1e-9)
    edges = np.vstack([np.zeros_like(at), np.cumsum(shares, axis=0)])
    heights = row + _GAP / 2 + edges * np.clip(fades, 0.0, 1.0) * (1 - _GAP)
    for number, part in enumerate(palette.parts(span)):
        lower = np.column_stack([at / rate, heights[number]])
        upper = np.column_stack([at / rate, heights[number + 1]])
        yield _Shape(np.vstack([lower, upper[::-1]]), palette.colour(part.key))


def _shares(part: AudibleRecording, at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    places, weights = zip(*part.weights, strict=True)
    shares: npt.NDArray[np.float64] = np.interp(at, places, weights)
    return shares


def _draw_loudness(panel: Any, sound: Path) -> None:
    levels = _loudness(sound)
    times, values = zip(*levels, strict=True)
    low, high = _loudness_range(values)
    # Silence runs along the foot.
    shown = np.maximum(values, low)
    panel.fill_between(times, low, shown, color=_ACCENT, alpha=0.35, linewidth=0)
    panel.plot(times, shown, color=_ACCENT, linewidth=1)
    panel.set_ylim(low, high)
    panel.set_yticks(np.arange(low + _LOUDNESS_STEP, high, _LOUDNESS_STEP))
    panel.set_ylabel("LUFS", color=_SOFT)


def _loudness_range(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an axis that shows these loudnesses; silence lies below it."""
    loudest = max(values)
    audible = [value for value in values if value > _LOUDNESS_FLOOR] or [loudest]
    high = min(0.0, (math.floor(loudest / _LOUDNESS_STEP) + 1) * _LOUDNESS_STEP)
    low = math.floor(min(audible) / _LOUDNESS_STEP) * _LOUDNESS_STEP
    return min(max(low, high - _MOST_LOUDNESS_RANGE), high - _LEAST_LOUDNESS_RANGE), high


def _draw_spectrogram(panel: Any, sound: Path) -> None:
    levels, highest, seconds = piece_spectrogram(sound)
    octaves = float(np.log2(highest / LOWEST_HZ))
    limits = panel.get_xlim()
    # The axis counts octaves above the lowest frequency, since an image has even rows.
    panel.imshow(
        levels,
        origin="lower", aspect="auto", cmap="magma", vmin=-RANGE_DB, vmax=0,
        extent=(0, seconds, 0, octaves),
    )  # fmt: skip
    panel.set_xlim(limits)
    named = [hertz for hertz in (100, 1_000, 10_000) if hertz < highest]
    panel.set_yticks(
        [float(np.log2(hertz / LOWEST_HZ)) for hertz in named], map(hertz_words, named)
    )


def _loudness(sound: Path) -> list[tuple[float, float]]:
    """Return times and loudness of blocks of 3 s or, where that makes too many, of more of them."""
    points: list[tuple[float, float]] = []
    at = 0.0
    with open_recording(sound) as recording:
        rate = recording.sample_rate
        for block in recording.mono_blocks(rate, _LOUDNESS_SECONDS):
            seconds = len(block) / rate
            loudness = max(_LOUDNESS_FLOOR, measure(block, rate).loudness)
            points.append((at + seconds / 2, loudness))
            at += seconds
    step = -(-len(points) // _MOST_POINTS)
    return [
        (float(np.mean([t for t, _ in group])), max(value for _, value in group))
        for group in (points[first : first + step] for first in range(0, len(points), step))
    ]


def _dress(panel: Any, score: Score) -> None:
    panel.set_facecolor(_PANEL)
    panel.set_xlim(0, score.seconds)
    panel.tick_params(colors=_SOFT, length=0, labelsize=10)
    for spine in panel.spines.values():
        spine.set_visible(False)


def _label_time(panel: Any, score: Score) -> None:
    ticker = extra("matplotlib.ticker", "matplotlib")
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
    step = next((step for step in steps if score.seconds / step <= 14), steps[-1])
    panel.xaxis.set_major_locator(ticker.MultipleLocator(step))
    panel.xaxis.set_major_formatter(ticker.FuncFormatter(lambda seconds, _: clock(seconds)))


def _legend(figure: Any, palette: Palette) -> None:
    patches = extra("matplotlib.patches", "matplotlib")
    figure.legend(
        handles=[patches.Patch(color=c, label=_short(name)) for name, c in palette.legend()],
        loc="upper right", bbox_to_anchor=(0.99, 1.0), ncols=_LEGEND_COLUMNS, frameon=False,
        labelcolor=_SOFT, fontsize=9, handlelength=1, handleheight=1, columnspacing=1.2,
    )  # fmt: skip


def _short(text: str) -> str:
    # A legend leaves out what begins with an underscore.
    line = flattened(text).lstrip("_") or "no name"
    return line if len(line) <= _MOST_NAME else f"{line[: _MOST_NAME - 1]}…"
