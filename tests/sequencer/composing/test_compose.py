from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.clips.measures import measure
from sequencer.composing.candidates import Candidate
from sequencer.composing.choosing import REST_SHARE
from sequencer.composing.compose import FADE_SHARE, compose, level_gain
from sequencer.composing.rules import Rules
from sequencer.composing.styles import PRESETS
from sequencer.errors import SequencerError
from sequencer.score.files import score_json
from tests.sequencer.builders import candidate
from tests.sequencer.sounds import RATE, pluck

lengths = st.lists(st.integers(800, 20 * RATE), min_size=1, max_size=12)


@given(lengths, st.floats(0.001, 3.0), st.integers(0, 2**64 - 1))
@settings(max_examples=80, deadline=None)
def test_every_score_keeps_the_rules(sizes: list[int], minutes: float, seed: int) -> None:
    clips = [candidate(f"c{number}", size) for number, size in enumerate(sizes)]
    score = compose(clips, minutes, seed)
    assert abs(score.samples - minutes * 60 * RATE) <= 0.5 or score.samples == 1
    assert score.events[0].start == 0
    assert score.events[-1].end == score.samples
    sizes_by_name = {item.clip.clip_id: item.length for item in clips}
    for event in score.events:
        assert 0 < event.length <= 12 * RATE
        assert 0 <= event.offset <= sizes_by_name[event.clip] - event.length
        assert event.fade_in + event.fade_out <= event.length
    for before, after in itertools.pairwise(score.events):
        # A join: both fades cover the same span, with nothing between and no third sound in it.
        assert before.fade_out == after.fade_in == before.end - after.start
        assert before.fade_out >= math.floor(FADE_SHARE * 800)
        assert before.start < after.start
    assert set(score.clips) == {event.clip for event in score.events}
    _no_near_repeats([event.clip for event in score.events], len(clips))


def _no_near_repeats(order: list[str], count: int) -> None:
    rest = min(count - 1, max(1, math.floor(REST_SHARE * (count - 1))))
    for index, name in enumerate(order):
        assert name not in order[max(0, index - rest) : index]
    uses = Counter(order).values()
    assert max(uses) - (min(uses) if len(uses) == count else 0) <= 1


@given(st.integers(0, 2**32), st.integers(2, 9))
@settings(max_examples=30, deadline=None)
def test_same_seed_same_score(seed: int, count: int) -> None:
    clips = [candidate(f"c{number}", RATE * (1 + number % 3)) for number in range(count)]
    first, second = (score_json(compose(clips, 0.5, seed)) for _ in range(2))
    assert first == second


def test_another_seed_gives_another_order() -> None:
    clips = [candidate(f"c{number}") for number in range(30)]
    orders = {tuple(event.clip for event in compose(clips, 0.3, seed).events) for seed in range(20)}
    assert len(orders) == 20


def test_neighbours_do_not_have_both_parents_in_common_where_that_can_be() -> None:
    pairs = [("a", "b")] * 6 + [("c", "d"), ("a", "c"), ("b", "d"), ("c", "b"), ("d", "a")] * 2
    clips = [candidate(f"c{number}", RATE, pair) for number, pair in enumerate(pairs)]
    together = 0
    for seed in range(20):
        order = [event.clip for event in compose(clips, 0.12, seed).events]
        parents = [set(pairs[int(name[1:])]) for name in order]
        together += sum(a == b for a, b in itertools.pairwise(parents))
    # At the very end of a round only such clips may be left; at random it would be about a fifth.
    assert together <= 12


def test_a_style_that_asks_for_longer_clips_says_so() -> None:
    clips = [candidate(f"c{number}", RATE * (1 + number % 3)) for number in range(8)]
    note = compose(clips, 0.2, 1, rules=Rules(PRESETS["drone"], "drone")).notes[-1]
    said = (
        "--style drone plays clips for 8 to 12 s, and 8 of 8 clips are shorter (the longest has "
        "3.0 s): its events are shorter too"
    )
    assert note == said
    mashed = [replace(one, clip=replace(one.clip, mash_id="m")) for one in clips]
    note = compose(mashed, 0.2, 1, rules=Rules(PRESETS["drone"], "drone")).notes[-1]
    assert note == f"{said}; `nsynth-batch make --length longer --stretch 2` makes longer ones"
    assert not compose(clips, 0.2, 1, rules=Rules(PRESETS["collage"], "collage")).notes
    assert not compose(clips, 0.2, 1).notes


def test_levels_bring_clips_to_one_loudness() -> None:
    loud, soft = (
        Candidate(candidate(name).clip, RATE, measure(pluck(1.0, level=level), RATE), RATE)
        for name, level in [("loud", 0.9), ("soft", 0.2)]
    )
    gains = {event.clip: event.gain_db for event in compose([loud, soft], 0.1, 0).events}
    assert loud.measures.loudness + gains["loud"] == pytest.approx(-20, abs=0.01)
    assert soft.measures.loudness + gains["soft"] == pytest.approx(-20, abs=0.01)


def test_no_event_is_raised_beyond_the_peak_limit() -> None:
    click = replace(candidate("click").measures, loudness=-33.0, peak=0.8)
    loud = replace(click, loudness=-10.0, peak=1.0)
    assert level_gain(replace(candidate("click"), measures=click)) == 0.0
    assert level_gain(replace(candidate("soft"), measures=replace(click, peak=0.1))) == 13.0
    assert level_gain(replace(candidate("softer"), measures=replace(click, peak=0.3))) == 7.46
    assert level_gain(replace(candidate("loud"), measures=loud)) == -10.0


@pytest.mark.parametrize("minutes", [0.0, -1.0, math.nan, math.inf, 1e9])
def test_lengths_that_cannot_be(minutes: float) -> None:
    with pytest.raises(SequencerError, match="minutes must be above 0"):
        compose([candidate("c")], minutes, 0)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seeds_that_cannot_be(seed: int) -> None:
    with pytest.raises(SequencerError, match="seed"):
        compose([candidate("c")], 1.0, seed)


def test_no_clips_and_no_such_law() -> None:
    with pytest.raises(SequencerError, match="no clip"):
        compose([], 1.0, 0)
    with pytest.raises(SequencerError, match="linear, equal-power, matched"):
        compose([candidate("c")], 1.0, 0, fade_law="cubic")
