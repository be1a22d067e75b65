"""Choosing what plays when: from measured clips, rules and a seed to a score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sequencer.clips.clips import with_thinned_weights
from sequencer.composing.candidates import Candidate
from sequencer.composing.choosing import Choosing
from sequencer.composing.draws import generator
from sequencer.composing.rules import Rules, allowed, checked, result_licence
from sequencer.composing.sections import Demand, Grid, Sections
from sequencer.composing.shares import ShareCounter
from sequencer.composing.styles import Style
from sequencer.errors import SequencerError
from sequencer.score.score import FADE_LAWS, MAIN_LAYER, Event, FadeLaw, Layer, Master, Score
from sequencer.text import counted

TARGET_LOUDNESS = -20.0
"""Every event is brought to this loudness (LUFS) before the mix, within these limits (dB)."""
GAIN_LIMITS = (-24.0, 18.0)
MOST_PEAK = -3.0
"""No event is raised above this peak (dBFS): what is loud for a moment only stays short of the
loudness rather than to be flattened by the limiter."""
FADE_SHARE = 0.4
"""No fade takes more than this share of an event, so that two joins never meet in it."""
NO_GAP = 0.98
"""From this density on events join without a gap."""
MOST_MINUTES = 10_080.0

_MASTER_FADES = (0.01, 2.0)
_MOST_TRIES = 1000


def check_minutes(minutes: float) -> None:
    """Refuse a length that no piece has.

    Raises
    ------
    SequencerError
        It is not above 0, or more than a week.
    """
    if not (math.isfinite(minutes) and 0 < minutes <= MOST_MINUTES):
        raise SequencerError(f"minutes must be above 0 and at most {MOST_MINUTES:,.0f}")


def compose(
    clips: Sequence[Candidate],
    minutes: float,
    seed: int,
    *,
    rules: Rules | None = None,
    fade_law: FadeLaw = "matched",
    notes: Sequence[str] = (),
) -> Score:
    """Compose by drawing clips without near repeats, as a style asks.

    A clip rests until two thirds of the others have played. Among those that may play, the ones
    used least are drawn from, of these the ones that do not have both parents in common with the
    clip before in their layer, and of these what the style chooses by fits best. In a layer,
    neighbours overlap by a join, or keep a gap where the density asks for one. Each event is
    levelled by the loudness of its clip and by its section.

    The function is pure: the same arguments give the same score. The master gain is 0 dB; it is
    found by listening.

    Parameters
    ----------
    clips : sequence of Candidate
        What `sequencer.composing.candidates.find_candidates` found.
    minutes : float
        Length of the composition, above 0.
    seed : int
        0 to 2⁶⁴ - 1.
    rules : Rules, optional
        Style, licence and limits.
    fade_law : str
        ``linear``, ``equal-power`` or ``matched``.
    notes : sequence of str
        Carried into the score before this function's own.

    Returns
    -------
    Score
        At the rate R of the candidates; ``round(minutes · 60 · R)`` samples long.

    Raises
    ------
    SequencerError
        No clips, none that the rules allow, clips measured at different rates, or an argument out
        of its bounds.

    Examples
    --------
    >>> from sequencer.clips.clips import Clip
    >>> from sequencer.clips.measures import measure
    >>> tone = np.sin(np.arange(32_000) / 20).astype(np.float32)
    >>> clips = [
    ...     Candidate(Clip(name, f"{name}.wav", seconds=2.0), 32_000, measure(tone, 16_000), 16_000)
    ...     for name in ("a", "b", "c")
    ... ]
    >>> score = compose(clips, minutes=0.1, seed=7)
    >>> score.seconds, sorted(score.clips)
    (6.0, ['a', 'b', 'c'])
    >>> score == compose(clips, minutes=0.1, seed=7)
    True
    """
    rules = rules or Rules()
    if not clips:
        raise SequencerError("there is no clip to compose with")
    check_minutes(minutes)
    if fade_law not in FADE_LAWS:
        raise SequencerError(f"the fade law must be one of {', '.join(FADE_LAWS)}")
    style = checked(rules).style
    rate = _rate_of(clips)
    left = allowed(clips, rules)
    total = max(1, round(minutes * 60 * rate))
    thinned = {each.clip.clip_id: with_thinned_weights(each.clip) for each in left.clips}
    shares = ShareCounter(list(thinned.values()), total / rate, rules.max_share, rate)
    rng = generator(seed, "compose")
    choosing = Choosing(left.clips, style, shares, rng)
    grid = Grid(style.tempo, rate)
    sections = Sections(style.sections, total, style.density, grid)
    state = _LayoutState(left.clips, style, choosing, shares, grid, sections, total, rate)
    composers = [_LayerComposer(number, state, rng) for number in range(style.layers)]
    while any(composer.start < total for composer in composers):
        # The layer that is behind goes on, so that clips rest in the order in which they play.
        min(composers, key=lambda composer: composer.start).go_on()
    for composer in composers:
        composer.finish()
    layers = _layers(style)
    events = [
        replace(event, layer=layer.name)
        for composer, layer in zip(composers, layers, strict=True)
        for event in composer.events
    ]
    events.sort(key=lambda event: event.start)
    fades = [min(round(seconds * rate), total // 4) for seconds in _MASTER_FADES]
    audible = {event.clip for event in events}
    playing = {name: clip for name, clip in thinned.items() if name in audible}
    found = result_licence(playing.values(), rules.target)
    return Score(
        seed=seed,
        sample_rate=rate,
        samples=total,
        fade_law=fade_law,
        master=Master(0.0, fades[0], fades[1], style.loudness, rules.true_peak),
        clips=playing,
        events=tuple(events),
        notes=(
            *notes,
            *left.notes,
            *_too_short(left.clips, rules),
            *_overplayed(choosing, style),
            *shares.notes(),
        ),
        channels=2 if style.width > 0 else 1,
        style=rules.style_name,
        layers=layers,
        sections=sections.listed(),
        licence=found.licence,
        target=rules.target,
    )


def _rate_of(clips: Sequence[Candidate]) -> int:
    rates = sorted({candidate.sample_rate for candidate in clips})
    if len(rates) > 1:
        several = " and ".join(f"{rate:,}" for rate in rates)
        raise SequencerError(f"clips were measured at {several} Hz; measure all at one rate")
    return rates[0]


def level_gain(candidate: Candidate) -> float:
    """Return the gain in dB that brings a clip to `TARGET_LOUDNESS`.

    As far as `GAIN_LIMITS` go, and raised no further than to a peak of `MOST_PEAK`.
    """
    loudness, peak = candidate.measures.loudness, candidate.measures.peak
    if loudness <= -70 or peak <= 0:
        return 0.0
    low, high = GAIN_LIMITS
    high = min(high, max(0.0, MOST_PEAK - 20 * math.log10(peak)))
    return round(min(high, max(low, TARGET_LOUDNESS - loudness)), 2)


@dataclass(frozen=True)
class _LayoutState:
    """What the composers of all layers share."""

    clips: Sequence[Candidate]
    style: Style
    choosing: Choosing
    shares: ShareCounter
    grid: Grid
    sections: Sections
    total: int
    rate: int


class _LayerComposer:
    """One layer in the making: it appends events, each joined to the one before or after a gap.

    Attributes
    ----------
    events : list of Event
    start : int
        Where the next event may begin, at the earliest; at or behind the end when all is done.
    """

    def __init__(self, number: int, state: _LayoutState, rng: np.random.Generator) -> None:
        self._number = number
        self._state = state
        self._rng = rng
        self.events: list[Event] = []
        self._joins = False
        self._spare = 0
        self._row = 0
        self.start = 0
        if number:
            # Layers that began together would join together ever after.
            late = rng.uniform(0.0, 0.5 * sum(state.style.event_seconds)) * number / 2
            self.start = state.grid.snapped(min(round(late * state.rate), state.total // 2))

    def go_on(self) -> None:
        """Add an event."""
        state, style, rng = self._state, self._state.style, self._rng
        demand = state.sections.at(self.start)
        wanted = round(rng.uniform(*style.event_seconds) * demand.length * state.rate)
        fade = round(rng.uniform(*style.fade_seconds) * state.rate)
        wanted = max(2, min(wanted, state.total - self.start + fade))
        row, offset, length, spare, why = self._chosen(demand, wanted, fade)
        start, fade_in = self._begun(length, fade)
        event = Event(
            start=start,
            clip=state.clips[row].clip.clip_id,
            offset=offset,
            length=min(length, state.total - start),
            gain_db=round(level_gain(state.clips[row]) + demand.level_db, 2),
            fade_in=min(fade_in, state.total - start),
            why=why,
            pan=self._pan(),
        )
        state.shares.take(row, offset, event.length)
        self._row = row
        self.events.append(event)
        self._ended(event, length, spare, demand)

    def finish(self) -> None:
        """Fade the last event out where it ends before the composition does."""
        last = self.events[-1] if self.events else None
        if last and last.end < self._state.total:
            fade = round(self._state.style.fade_seconds[0] * self._state.rate)
            self.events[-1] = replace(last, fade_out=min(fade, int(FADE_SHARE * last.length)))

    def _chosen(self, demand: Demand, wanted: int, fade: int) -> tuple[int, int, int, int, str]:
        """Choose a clip and the part of it that plays, with what is kept for the next join."""
        state, rng = self._state, self._rng
        tried: list[int] = []
        while True:
            drawn = state.choosing.draw(self._number, demand, wanted, tried)
            there = state.clips[drawn.row].length
            longest = wanted if drawn.room is None else min(wanted, drawn.room)
            length, spare = self._lengths(there, longest, fade)
            offset = int(rng.integers(there - length - spare + 1))
            over = drawn.fits and not state.shares.fits(drawn.row, offset, length + spare)
            if not over or len(tried) >= min(_MOST_TRIES, len(state.clips) - 1):
                state.choosing.played(self._number, drawn.row)
                return drawn.row, offset, length, spare, drawn.why
            tried.append(drawn.row)

    def _lengths(self, there: int, wanted: int, fade: int) -> tuple[int, int]:
        """Return an event's length, and what its clip may lend to the next join."""
        grid = self._state.grid
        if not grid.beat:
            return min(there, wanted), 0
        spare = min(fade, int(FADE_SHARE * grid.beat))
        first = grid.next_beat(self.start)
        fitting = int((there - spare - 1) / grid.beat)
        beats = min(max(1, int(wanted / grid.beat + 0.5)), fitting)
        if beats < 1:
            return there, 0
        return grid.at(first + beats) - grid.at(first), spare

    def _begun(self, length: int, fade: int) -> tuple[int, int]:
        """Find where an event begins, and its fade; fit the event before to it."""
        most = min(fade, int(FADE_SHARE * length))
        if not self.events:
            return self.start, most if self.start else 0
        before = self.events[-1]
        most = min(most, int(FADE_SHARE * before.length))
        if not self._joins:
            self.events[-1] = replace(before, fade_out=min(most, before.length - before.fade_in))
            return self.start, most
        if self._state.grid.beat:
            lent = min(most, self._spare, self._state.total - before.end)
            self._state.shares.take(self._row, before.offset + before.length, lent)
            self.events[-1] = replace(before, length=before.length + lent, fade_out=lent)
            return before.end, lent
        self.events[-1] = replace(before, fade_out=most)
        return before.end - most, most

    def _ended(self, event: Event, length: int, spare: int, demand: Demand) -> None:
        """Find where the next event may begin, and whether it joins this one."""
        end = event.start + length
        self._spare = spare
        gap = 0
        if demand.density < NO_GAP:
            share = (1 - demand.density) / demand.density
            gap = round(length * share * self._rng.uniform(0.5, 1.5))
        grid = self._state.grid
        if grid.beat:
            self.start = grid.at(max(grid.next_beat(end), round((end + gap) / grid.beat)))
            self._joins = self.start == end and spare > 0
            return
        self.start, self._joins = end + gap, gap == 0

    def _pan(self) -> float:
        width, layers = self._state.style.width, self._state.style.layers
        if not width:
            return 0.0
        if layers == 1:
            return round(float(self._rng.uniform(-width, width)), 2)
        home = 2 * self._number / (layers - 1) - 1
        return round(width * (0.7 * home + 0.3 * float(self._rng.uniform(-1, 1))), 2)


def _layers(style: Style) -> tuple[Layer, ...]:
    if style.layers == 1:
        return (Layer(MAIN_LAYER),)
    return tuple(
        Layer(f"layer {number + 1}", 0.0 - round(style.layer_step_db * number, 2))
        for number in range(style.layers)
    )


def _overplayed(choosing: Choosing, style: Style) -> list[str]:
    if not choosing.overplayed:
        return []
    return [f"clips were played more often than --plays {style.plays}: there are too few of them"]


def _too_short(clips: Sequence[Candidate], rules: Rules) -> list[str]:
    """Return a message if most clips are shorter than the events of the style asked for."""
    least, most = rules.style.event_seconds
    short = sum(candidate.length < least * candidate.sample_rate for candidate in clips)
    if not rules.style_name or 2 * short <= len(clips):
        return []
    longest = max(candidate.length / candidate.sample_rate for candidate in clips)
    mashed = any(candidate.clip.mash_id for candidate in clips)
    longer = "; `nsynth-batch make --length longer --stretch 2` makes longer ones" if mashed else ""
    return [
        f"--style {rules.style_name} plays clips for {least:g} to {most:g} s, and {short} of "
        f"{counted(len(clips), 'clip')} are shorter (the longest has {longest:.1f} s): its events "
        f"are shorter too{longer}"
    ]
