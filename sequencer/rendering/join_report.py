"""How well joins hold: the level over each, its dip in the middle, and clicks at its ends."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import pairwise

import numpy as np

from sequencer.rendering.fades import fade_curves
from sequencer.rendering.joins import Voice, are_joined, pan_gains
from sequencer.rendering.mix import Mix, Mixer
from sequencer.score.score import Score
from sequencer.text import counted

_AROUND_SECONDS = 0.02
# A click is one or two samples wide; the second difference reaches one further.
_AT_EDGE = 3
_INAUDIBLE = 1e-6
_STANDS_OUT_DB = 3.0


@dataclass(frozen=True)
class JoinFigures:
    """One join, measured in its layer.

    Attributes
    ----------
    at, seconds : float
        Where it begins in the piece, and how long both events sound.
    layer, before, after : str
        The layer, and the clips by their ids.
    correlation : float
        Of both sounds over the join, their places included.
    level_db : float or None
        Its power over what the two would give without correlating, weighted by equal-power
        curves: 0 for an even join. None without a fade over the same span, or for silence.
    dip_db : float or None
        The same over its middle third, where laws differ most.
    click_db : float
        The largest second difference at its two ends over the largest within 20 ms of them: what
        is above 0 stands out, a hard cut of a low tone by 20 and more.
    """

    at: float
    seconds: float
    layer: str
    before: str
    after: str
    correlation: float
    level_db: float | None
    dip_db: float | None
    click_db: float


def measure_joins(score: Score, mixer: Mixer) -> list[JoinFigures]:
    """Measure every place where one event of a layer follows another without a pause."""
    found = [
        _figures(score, mixer, layer.name, before, after)
        for layer in score.layers
        for before, after in pairwise(mixer.voices(layer.name, 0, score.samples))
        if after.event.start <= before.event.end
    ]
    return sorted(found, key=lambda join: (join.at, join.layer))


def joins_csv(joins: Sequence[JoinFigures]) -> str:
    """Write the figures as a table, one join a line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([field.name for field in fields(JoinFigures)])
    for join in joins:
        row = astuple(join)
        writer.writerow([round(cell, 4) if isinstance(cell, float) else cell for cell in row])
    return out.getvalue()


def joins_summary(joins: Sequence[JoinFigures]) -> str:
    """Return on one line how the joins are."""
    if not joins:
        return "no joins: in no layer does one event follow another without a pause"
    levels = [join.level_db for join in joins if join.level_db is not None]
    dips = [(join.dip_db, join.at) for join in joins if join.dip_db is not None]
    parts = [counted(len(joins), "join")]
    if levels:
        deepest, at = min(dips)
        parts.append(f"level {np.mean(levels):+.2f} dB on average")
        parts.append(f"deepest dip {deepest:+.2f} dB at {at:.2f} s")
    clicks = [join for join in joins if join.click_db > _STANDS_OUT_DB]
    if clicks:
        loudest = max(clicks, key=lambda join: join.click_db)
        parts.append(
            f"{counted(len(clicks), 'click')} to look at: the loudest {loudest.click_db:+.2f} dB "
            f"over the sound around it at {loudest.at:.2f} s"
        )
    else:
        parts.append("no click stands out")
    return ", ".join(parts)


def _figures(score: Score, mixer: Mixer, layer: str, before: Voice, after: Voice) -> JoinFigures:
    start, stop = after.event.start, min(before.event.end, score.samples)
    levels: tuple[float | None, float | None] = (None, None)
    joined = are_joined(before.event, after.event)
    if joined and stop == before.event.end:
        levels = _levels(score, mixer, before, after)
    return JoinFigures(
        at=start / score.sample_rate,
        seconds=max(0, stop - start) / score.sample_rate,
        layer=layer,
        before=before.event.clip,
        after=after.event.clip,
        correlation=mixer.correlation(before.event, after.event) if joined else 0.0,
        level_db=levels[0],
        dip_db=levels[1],
        click_db=max(_clicks(score, mixer, layer, {start, stop})),
    )


def _levels(
    score: Score, mixer: Mixer, before: Voice, after: Voice
) -> tuple[float | None, float | None]:
    start, stop = after.event.start, before.event.end
    sounds = [mixer.sound(voice, start, stop) for voice in (before, after)]
    places = [pan_gains(voice.event.pan, score.channels) for voice in (before, after)]
    power = np.zeros(stop - start)
    for first, second in zip(*places, strict=True):
        power += (sounds[0] * first + sounds[1] * second) ** 2
    falling, rising = fade_curves(stop - start, "equal-power")
    expected = (mixer.unfaded(before.event, start, stop) * falling) ** 2
    expected += (mixer.unfaded(after.event, start, stop) * rising) ** 2
    third = slice(len(power) // 3, max(len(power) // 3 + 1, 2 * len(power) // 3))
    return _ratio_db(power, expected), _ratio_db(power[third], expected[third])


def _ratio_db(power: Mix, expected: Mix) -> float | None:
    least = _INAUDIBLE**2 * len(power)
    if float(power.sum()) <= least or float(expected.sum()) <= least:
        return None
    return float(10 * np.log10(power.sum() / expected.sum()))


def _clicks(score: Score, mixer: Mixer, layer: str, edges: set[int]) -> Iterator[float]:
    around = round(_AROUND_SECONDS * score.sample_rate)
    for edge in sorted(edges):
        start, stop = max(0, edge - around), min(score.samples, edge + around)
        bends = np.abs(np.diff(mixer.mixed(layer, start, stop).astype(np.float64), 2)).max(axis=0)
        # A difference at index i is of samples i to i + 2.
        middle = edge - start - 1
        at_edge = np.abs(np.arange(len(bends)) - middle) < _AT_EDGE
        here = bends[at_edge].max(initial=_INAUDIBLE)
        yield float(20 * np.log10(here / bends[~at_edge].max(initial=_INAUDIBLE)))
