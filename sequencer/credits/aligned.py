"""Credits in time: what is heard at any second of a composition, from the score alone."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping
from dataclasses import dataclass

from sequencer.clips.clips import Clip, Parent
from sequencer.clips.weight_points import mean_weight, weight_at
from sequencer.errors import SequencerError
from sequencer.rights.rights import Rights
from sequencer.score.score import Event, Score
from sequencer.text import clock, flattened


@dataclass(frozen=True)
class Heard:
    """A recording in a span.

    Attributes
    ----------
    parent : Parent
        The recording and its rights.
    weights : tuple of (int, float)
        Its share of the clip: at samples of the composition, from the span's first to its last,
        linear between them.
    mean : float
        Its mean share over the span.
    """

    parent: Parent
    weights: tuple[tuple[int, float], ...]
    mean: float


@dataclass(frozen=True)
class Span:
    """One event, as far as it lies in the composition.

    Attributes
    ----------
    start, end : int
        Samples of the composition at the score's rate, `end` exclusive.
    event : Event
    clip : Clip
    heard : tuple of Heard
        The recordings that the clip was made from.
    """

    start: int
    end: int
    event: Event
    clip: Clip
    heard: tuple[Heard, ...]


@dataclass(frozen=True)
class Moment:
    """A clip that is heard at one moment, and how much of it each recording is then."""

    span: Span
    seconds_in: float
    weights: tuple[tuple[Parent, float], ...]


def aligned(score: Score) -> list[Span]:
    """Give a span for each event, in order of their starts."""
    return [_span(score, event) for event in score.events]


def heard_at(score: Score, seconds: float) -> list[Moment]:
    """Tell what is heard at a second of the composition.

    Parameters
    ----------
    score : Score
    seconds : float
        From 0 to before the end.

    Returns
    -------
    list of Moment
        One for each event that lasts then, in order of their starts; more than one during joins
        and where layers meet, none in a pause.

    Raises
    ------
    SequencerError
        A second outside the composition.
    """
    if not (math.isfinite(seconds) and 0 <= seconds < score.seconds):
        raise SequencerError(
            f"{seconds:g} s is not in this composition, which lasts {score.seconds:g} s "
            f"({clock(score.seconds)})"
        )
    at = min(int(seconds * score.sample_rate), score.samples - 1)
    # Events stand in order of their starts: those after `at` need not be looked at.
    begun = bisect.bisect_right(score.events, at, key=lambda event: event.start)
    return [_moment(score, event, at) for event in score.events[:begun] if at < event.end]


def parents_of(clip: Clip) -> tuple[Parent, ...]:
    """Give the recordings of a clip; a clip without any is its own."""
    return clip.parents or (Parent(clip.clip_id, rights=Rights(title=clip.file)),)


def title_of(parent: Parent) -> str:
    """Give a recording's title on one line, or its id where it has none."""
    return flattened(parent.rights.title) or flattened(parent.file_id)


def author_of(rights: Rights) -> str:
    """Give the author on one line, as they ask to be named; "author unknown" where nobody knows."""
    return flattened(rights.author) or "author unknown"


def heard_seconds(score: Score) -> Mapping[str, float]:
    """Give how long each recording is heard in all, by file id: seconds times its share."""
    heard: dict[str, float] = {}
    for span in aligned(score):
        for part in span.heard:
            seconds = part.mean * (span.end - span.start) / score.sample_rate
            heard[part.parent.file_id] = heard.get(part.parent.file_id, 0.0) + seconds
    return heard


def _span(score: Score, event: Event) -> Span:
    clip = score.clips[event.clip]
    end = min(event.end, score.samples)
    last = _last_sample(score, clip)
    inside = (event.offset, event.offset + end - event.start - 1)
    heard = []
    for parent in parents_of(clip):
        count = len(parent.weights)
        places = {inside[0], inside[1]}
        places.update(
            place
            for point in range(count if count > 1 else 0)
            if inside[0] < (place := round(point * last / (count - 1))) < inside[1]
        )
        weights = tuple(
            (event.start + place - event.offset, _weight(parent, place, last))
            for place in sorted(places)
        )
        mean = mean_weight(parent.weights, inside[0] / last, inside[1] / last)
        heard.append(Heard(parent, weights, mean))
    return Span(event.start, end, event, clip, tuple(heard))


def _moment(score: Score, event: Event, at: int) -> Moment:
    span = _span(score, event)
    place = event.offset + at - event.start
    last = _last_sample(score, span.clip)
    weights = tuple((part.parent, _weight(part.parent, place, last)) for part in span.heard)
    return Moment(span, place / score.sample_rate, weights)


def _last_sample(score: Score, clip: Clip) -> int:
    return max(1, round(clip.seconds * score.sample_rate) - 1)


def _weight(parent: Parent, place: int, last: int) -> float:
    return round(weight_at(parent.weights, place / last), 3)
