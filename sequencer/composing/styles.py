"""Styles: everything that decides how a piece is composed, and named presets of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, get_args

from sequencer.errors import SequencerError

StyleName = Literal["drone", "collage", "pulse", "horror"]
Mood = Literal["steady", "sparse", "dense", "rising", "falling"]
MOODS: tuple[Mood, ...] = get_args(Mood)

Choose = Literal[
    "chance", "loudness", "brightness", "similarity", "contrast", "category", "parents"
]
CHOOSE: tuple[Choose, ...] = get_args(Choose)

MOST_LAYERS = 16
LEAST_DENSITY = 0.05
TEMPO_LIMITS = (20.0, 400.0)
EVENT_LIMITS = (0.05, 600.0)
FADE_LIMITS = (0.002, 60.0)


@dataclass(frozen=True)
class Part:
    """A section to compose: its mood, and how long it is beside the others."""

    mood: Mood
    share: float = 1.0


@dataclass(frozen=True)
class Style:
    """How a piece is composed; each field is a flag of `sequencer compose`.

    Attributes
    ----------
    layers : int
        How many play at once, each joined in itself.
    density : float
        The share of the time in which a layer sounds; at 1 its events join without a gap.
    sections : tuple of Part
        Moods one after another.
    tempo : float
        Beats a minute: starts and joins fall on the beat. 0 is free time.
    choose : str
        What decides which clip comes next: ``chance``; ``loudness`` or ``brightness``, low to high
        as the section's mood goes; ``similarity`` or ``contrast`` to the clip before in the layer;
        ``category``, one in common with it; ``parents``, a walk over shared recordings: A with B, B
        with C, C with D.
    event_seconds : tuple of float
        How long events are, between these, as far as the clips are long enough.
    fade_seconds : tuple of float
        How long fades and joins are, between these, as far as the events are long enough.
    plays : int
        How often a clip may play; 0 for as often as needed.
    width : float
        How far from the middle events are placed, 0 (mono) to 1.
    layer_step_db : float
        By how much each layer is softer than the one before.
    loudness : float, optional
        What the whole is brought to, in LUFS; None for the peak alone. Sparse music has peaks far
        above its loudness: where a limiter shall not flatten them, this is low.
    """

    layers: int = 1
    density: float = 1.0
    sections: tuple[Part, ...] = (Part("steady"),)
    tempo: float = 0.0
    choose: Choose = "chance"
    event_seconds: tuple[float, float] = (12.0, 12.0)
    fade_seconds: tuple[float, float] = (0.5, 2.0)
    plays: int = 0
    width: float = 0.0
    layer_step_db: float = 0.0
    loudness: float | None = -16.0


PRESETS: Mapping[str, Style] = {
    "drone": Style(
        layers=3,
        choose="similarity",
        event_seconds=(8.0, 12.0),
        fade_seconds=(2.0, 4.0),
        width=0.6,
        layer_step_db=2.0,
    ),
    "collage": Style(
        layers=2,
        density=0.8,
        sections=(Part("sparse"), Part("dense"), Part("sparse"), Part("dense")),
        choose="contrast",
        event_seconds=(0.6, 4.0),
        fade_seconds=(0.02, 0.2),
        width=0.9,
    ),
    "pulse": Style(
        layers=2,
        density=0.9,
        sections=(Part("rising"), Part("dense", 2.0), Part("falling")),
        tempo=120.0,
        choose="brightness",
        event_seconds=(0.5, 1.5),
        fade_seconds=(0.01, 0.03),
        width=0.7,
        layer_step_db=3.0,
    ),
    "horror": Style(
        layers=3,
        density=0.6,
        sections=(Part("sparse", 2.0), Part("rising"), Part("dense", 0.5), Part("falling")),
        choose="parents",
        event_seconds=(3.0, 10.0),
        fade_seconds=(1.0, 3.0),
        width=1.0,
        layer_step_db=4.0,
        loudness=-23.0,
    ),
}


@dataclass(frozen=True)
class MoodCurve:
    """What a mood does, from the beginning of a section to its end.

    Attributes
    ----------
    density, length : tuple of float
        Factors of the style's density (which stays below 1) and of the length of its events.
    level_db : tuple of float
        Added to the events' levels.
    place : tuple of float
        With ``loudness`` or ``brightness``: where among the clips, 0 lowest to 1 highest.
    """

    density: tuple[float, float] = (1.0, 1.0)
    length: tuple[float, float] = (1.0, 1.0)
    level_db: tuple[float, float] = (0.0, 0.0)
    place: tuple[float, float] = (0.5, 0.5)


CURVES: Mapping[Mood, MoodCurve] = {
    "steady": MoodCurve(),
    "sparse": MoodCurve((0.4, 0.4), (1.0, 1.0), (-3.0, -3.0), (0.25, 0.25)),
    "dense": MoodCurve((1.5, 1.5), (0.6, 0.6), (0.0, 0.0), (0.75, 0.75)),
    "rising": MoodCurve((0.4, 1.2), (1.0, 0.7), (-9.0, 0.0), (0.0, 1.0)),
    "falling": MoodCurve((1.2, 0.4), (0.7, 1.0), (0.0, -9.0), (1.0, 0.0)),
}


def checked(style: Style) -> Style:
    """Return the style back if it can be composed with.

    Raises
    ------
    SequencerError
        Naming the flag that is out of bounds.
    """
    _bounded("layers", style.layers, 1, MOST_LAYERS)
    _bounded("density", style.density, LEAST_DENSITY, 1.0)
    if style.tempo:
        _bounded("tempo", style.tempo, *TEMPO_LIMITS)
    _bounded("plays", style.plays, 0, math.inf)
    _bounded("width", style.width, 0.0, 1.0)
    _bounded("layer-step-db", style.layer_step_db, 0.0, 60.0)
    if style.choose not in CHOOSE:
        raise SequencerError(f"--choose: one of {', '.join(CHOOSE)} is expected")
    for name, limits in (("event_seconds", EVENT_LIMITS), ("fade_seconds", FADE_LIMITS)):
        least, most = getattr(style, name)
        flag = name.replace("_", "-")
        _bounded(flag, least, *limits)
        _bounded(flag, most, *limits)
        if least > most:
            raise SequencerError(f"--{flag}: {least:g} is more than {most:g}")
    if not style.sections:
        raise SequencerError(f"--sections: at least one of {', '.join(MOODS)} is expected")
    for part in style.sections:
        if part.mood not in MOODS:
            raise SequencerError(f"--sections: {part.mood!r} is none of {', '.join(MOODS)}")
        _bounded("sections", part.share, 0.001, 1e6)
    return style


def _bounded(flag: str, value: float, least: float, most: float) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        bounds = f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
        raise SequencerError(f"--{flag} must be {bounds}, not {value:g}")


def parts_from_text(text: str) -> tuple[Part, ...]:
    """Read ``sparse,rising:2,dense``: moods, each with its length beside the others.

    Raises
    ------
    SequencerError
        For a mood that there is not, or a length that is no number above 0.
    """
    parts = []
    for word in text.split(","):
        name, colon, share = word.strip().partition(":")
        mood = next((mood for mood in MOODS if mood == name.strip().lower()), None)
        if mood is None:
            raise SequencerError(f"--sections: {name!r} is none of {', '.join(MOODS)}")
        parts.append(Part(mood, _number("sections", share) if colon else 1.0))
    return tuple(parts)


def range_from_text(flag: str, text: str) -> tuple[float, float]:
    """Read ``2-8`` or ``5``, seconds.

    Raises
    ------
    SequencerError
        For what is no such thing.
    """
    least, dash, most = text.partition("-")
    low = _number(flag, least)
    return low, _number(flag, most) if dash else low


def _number(flag: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SequencerError(f"--{flag}: a number is expected, not {text!r}") from None


def styles_table() -> str:
    """Write what each preset sets as a table in Markdown; the first row is without a preset."""
    names = [field.name for field in fields(Style)]
    head = ["`--style`", *(f"`--{name.replace('_', '-')}`" for name in names)]
    rows = [("none", Style()), *((f"`{name}`", style) for name, style in PRESETS.items())]
    lines = [head, ["---"] * len(head)]
    lines += [[name, *(_shown(getattr(style, field)) for field in names)] for name, style in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _shown(value: object) -> str:
    if isinstance(value, tuple) and isinstance(value[0], Part):
        parts = [part for part in value if isinstance(part, Part)]
        return ",".join(p.mood if p.share == 1 else f"{p.mood}:{p.share:g}" for p in parts)
    if isinstance(value, tuple):
        return "-".join(f"{number:g}" for number in dict.fromkeys(value))
    if value is None:
        return "off"
    return value if isinstance(value, str) else f"{value:g}"
