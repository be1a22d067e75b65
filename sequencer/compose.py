"""Choosing what plays when: from measured clips, rules and a seed to a score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sequencer.audio import SAMPLE_RATE
from sequencer.clips import Clip, with_thinned_weights
from sequencer.draws import generator
from sequencer.errors import SequencerError
from sequencer.score import FADE_LAWS, Event, FadeLaw, Master, Score
from sequencer.survey import Candidate

TARGET_LOUDNESS = -20.0
"""Every event is brought to this loudness (LUFS) before the mix, within these limits (dB)."""
GAIN_LIMITS = (-24.0, 18.0)
FADE_SECONDS = (0.5, 2.0)
"""How long joins are, drawn anew for each, as far as the clips are long enough."""
FADE_SHARE = 0.4
"""No join takes more than this share of an event, so that two joins never meet in it."""
MOST_SECONDS = 12.0
"""Of a longer clip a part of this length plays, drawn anew each time."""
REST_SHARE = 2 / 3
"""A clip rests until this share of the other clips has played."""
MOST_MINUTES = 10_080.0
LOUDNESS = -16.0
"""What the whole piece is brought to (LUFS)."""

_MASTER_FADES = (0.01, 2.0)


def compose(
    clips: Sequence[Candidate],
    minutes: float,
    seed: int,
    *,
    fade_law: FadeLaw = "matched",
    notes: Sequence[str] = (),
) -> Score:
    """Compose by drawing clips in random order without near repeats.

    A clip rests until two thirds of the others have played. Among those that may play, the ones
    used least are drawn from, and of these the ones that do not have both parents in common with
    the clip before. Neighbours overlap by a join of half a second to two seconds. Each event is
    levelled by the loudness of its clip.

    The function is pure: the same arguments give the same score. The master gain is 0 dB; it is
    found by `sequencer.render.with_measured_gain`, which has to listen.

    Parameters
    ----------
    clips : sequence of Candidate
        What `sequencer.survey.survey` found.
    minutes : float
        Length of the composition, above 0.
    seed : int
        0 to 2⁶⁴ - 1.
    fade_law : str
        ``linear``, ``equal-power`` or ``matched``.
    notes : sequence of str
        Carried into the score before this function's own.

    Returns
    -------
    Score
        At 16 kHz; ``round(minutes · 60 · 16000)`` samples long.

    Raises
    ------
    SequencerError
        No clips, or an argument out of its bounds.
    """
    if not clips:
        raise SequencerError("there is no clip to compose with")
    if not (math.isfinite(minutes) and 0 < minutes <= MOST_MINUTES):
        raise SequencerError(f"minutes must be above 0 and at most {MOST_MINUTES:,.0f}")
    if fade_law not in FADE_LAWS:
        raise SequencerError(f"the fade law must be one of {', '.join(FADE_LAWS)}")
    total = max(1, round(minutes * 60 * SAMPLE_RATE))
    rng = generator(seed, "compose")
    drawing = _Drawing(clips, rng)
    events: list[Event] = []
    end = 0
    while end < total:
        event = _next_event(drawing, events, rng)
        end = event.end
        events.append(event)
    # The last one stops with the composition; the master's fade takes it out.
    last = events[-1]
    events[-1] = replace(last, length=total - last.start)
    fades = [min(round(seconds * SAMPLE_RATE), total // 4) for seconds in _MASTER_FADES]
    return Score(
        seed=seed,
        sample_rate=SAMPLE_RATE,
        samples=total,
        fade_law=fade_law,
        master=Master(0.0, fades[0], fades[1], loudness=LOUDNESS),
        clips=_those_that_play(clips, events),
        events=tuple(events),
        notes=(*notes, *_remarks(clips, events, total)),
    )


class _Drawing:
    """Which clip comes next; its memory is how often and how long ago each one played."""

    def __init__(self, clips: Sequence[Candidate], rng: np.random.Generator) -> None:
        self._clips = clips
        self._rng = rng
        self._uses = np.zeros(len(clips), np.int64)
        others = len(clips) - 1
        self._rest = min(others, max(1, math.floor(REST_SHARE * others)))
        self._last = np.full(len(clips), -1 - self._rest, np.int64)
        self._count = 0
        self._pairs = _parent_pairs([candidate.clip for candidate in clips])
        self._pair_before = -1

    def draw(self) -> tuple[Candidate, str]:
        rested = self._count - self._last > self._rest
        fewest = self._uses[rested].min()
        pool = np.flatnonzero(rested & (self._uses == fewest))
        if self._pair_before >= 0:
            others = pool[self._pairs[pool] != self._pair_before]
            pool = others if len(others) else pool
        chosen = int(pool[self._rng.integers(len(pool))])
        since = self._count - self._last[chosen] - 1
        why = "first use" if fewest == 0 else f"use {fewest + 1}, after {since} others"
        self._uses[chosen] += 1
        self._last[chosen] = self._count
        self._count += 1
        self._pair_before = int(self._pairs[chosen])
        return self._clips[chosen], f"{why}; one of {len(pool)} that might follow"


def _parent_pairs(clips: Sequence[Clip]) -> npt.NDArray[np.int64]:
    """Give each clip's pair of parents a number [clips]; -1 where there are not two."""
    numbers: dict[frozenset[str], int] = {}
    pairs = np.full(len(clips), -1, np.int64)
    for row, clip in enumerate(clips):
        parents = frozenset(parent.file_id for parent in clip.parents)
        if len(parents) == 2:
            pairs[row] = numbers.setdefault(parents, len(numbers))
    return pairs


def _next_event(drawing: _Drawing, events: list[Event], rng: np.random.Generator) -> Event:
    candidate, why = drawing.draw()
    length = min(candidate.length, round(MOST_SECONDS * SAMPLE_RATE))
    offset = int(rng.integers(candidate.length - length + 1))
    wanted = round(rng.uniform(*FADE_SECONDS) * SAMPLE_RATE)
    start = fade = 0
    if events:
        before = events[-1]
        fade = min(wanted, int(FADE_SHARE * min(length, before.length)))
        events[-1] = replace(before, fade_out=fade)
        start = before.end - fade
    return Event(
        start=start,
        clip=candidate.clip.clip_id,
        offset=offset,
        length=length,
        gain_db=_level_gain(candidate),
        fade_in=fade,
        why=why,
    )


def _level_gain(candidate: Candidate) -> float:
    loudness = candidate.measures.loudness
    if loudness <= -70:
        return 0.0
    low, high = GAIN_LIMITS
    return round(min(high, max(low, TARGET_LOUDNESS - loudness)), 2)


def _those_that_play(clips: Sequence[Candidate], events: Sequence[Event]) -> dict[str, Clip]:
    playing = {event.clip for event in events}
    return {
        candidate.clip.clip_id: with_thinned_weights(candidate.clip)
        for candidate in clips
        if candidate.clip.clip_id in playing
    }


def _remarks(clips: Sequence[Candidate], events: Sequence[Event], total: int) -> list[str]:
    again = len(events) - len({event.clip for event in events})
    if not again:
        return []
    material = sum(candidate.length for candidate in clips) / SAMPLE_RATE
    number = "the only clip is" if len(clips) == 1 else f"{len(clips)} clips are"
    return [
        f"{number} {material / 60:.1f} minutes long for a composition of "
        f"{total / SAMPLE_RATE / 60:.1f}: clips were played again {again} times"
    ]
