from __future__ import annotations

import itertools
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.composing.candidates import Candidate
from sequencer.composing.compose import compose
from sequencer.composing.rules import Rules
from sequencer.composing.sections import Grid, Sections
from sequencer.composing.styles import (
    CHOOSE,
    MOODS,
    PRESETS,
    Part,
    Style,
    parts_from_text,
    range_from_text,
    styles_table,
)
from sequencer.credits.aligned import audible_seconds
from sequencer.errors import SequencerError
from sequencer.rights.rights import Rights
from sequencer.score.files import read_score, score_json
from sequencer.score.score import Event, Score
from tests.sequencer.builders import MEASURES, candidate
from tests.sequencer.sounds import RATE

PAGE = Path(__file__).parents[3] / "docs" / "composing.md"


def clips(count: int, sources: int = 12, longest: float = 7.0, seed: int = 1) -> list[Candidate]:
    """Mash-ups that differ in everything that can be chosen by."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        pair = rng.sample(range(sources), 2)
        length = rng.randint(RATE // 2, round(longest * RATE))
        each = candidate(f"c{number}", length, tuple(f"s{at}" for at in pair))
        parents = tuple(
            replace(parent, categories=(f"kind {at % 3}",), weights=(weight, 1 - weight))
            for parent, at, weight in zip(each.clip.parents, pair, (1.0, 0.0), strict=True)
        )
        measures = replace(
            MEASURES, loudness=rng.gauss(-20, 5), centroid=500 * 2 ** rng.gauss(0, 1.5)
        )
        found.append(Candidate(replace(each.clip, parents=parents), length, measures, RATE))
    return found


MANY = clips(60)
BY_ID = {each.clip.clip_id: each for each in MANY}


def styled(minutes: float = 1.0, seed: int = 1, **changes: Any) -> Score:
    return compose(MANY, minutes, seed, rules=Rules(style=Style(**changes)))


parts = st.builds(Part, st.sampled_from(MOODS), st.floats(0.1, 5))
styles = st.builds(
    Style,
    layers=st.integers(1, 4),
    density=st.floats(0.05, 1.0),
    sections=st.lists(parts, min_size=1, max_size=4).map(tuple),
    tempo=st.sampled_from([0.0, 60.0, 133.3, 400.0]),
    choose=st.sampled_from(CHOOSE),
    event_seconds=st.tuples(st.floats(0.05, 2.0), st.floats(2.0, 20.0)),
    fade_seconds=st.tuples(st.floats(0.002, 0.5), st.floats(0.5, 4.0)),
    plays=st.integers(0, 3),
    width=st.floats(0, 1),
    layer_step_db=st.floats(0, 6),
)


@given(styles, st.floats(0.005, 1.0), st.integers(0, 2**64 - 1), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_every_style_gives_a_score_that_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, style: Style, minutes: float, seed: int, count: int
) -> None:
    rules = Rules(style=style, max_share=0.3)
    score = compose(MANY[:count], minutes, seed, rules=rules)
    assert score.events
    for event in score.events:
        assert 0 <= event.start < event.end <= score.samples
        assert event.offset + event.length <= BY_ID[event.clip].length
        assert event.fade_in + event.fade_out <= event.length
        assert abs(event.pan) <= style.width + 0.01
        assert event.why
    for layer in score.layers:
        _in_order([event for event in score.events if event.layer == layer.name], score)
    path = tmp_path_factory.getbasetemp() / "any.score.json"
    path.write_text(score_json(score), encoding="utf-8")
    assert read_score(path).events == score.events
    assert compose(MANY[:count], minutes, seed, rules=rules) == score


def _in_order(events: list[Event], score: Score) -> None:
    for before, after in itertools.pairwise(events):
        overlap = before.end - after.start
        if overlap > 0:
            assert overlap == before.fade_out == after.fade_in
        assert before.start < after.start
    if events and events[-1].end < score.samples:
        assert events[-1].fade_out > 0


@pytest.mark.parametrize("tempo", [60.0, 97.0, 120.0])
def test_starts_and_joins_fall_on_the_beat(tempo: float) -> None:
    score = styled(2.0, tempo=tempo, layers=2, density=0.8, event_seconds=(0.3, 3.0))
    beats = {round(number * 60 * RATE / tempo) for number in range(1000)}
    assert {event.start for event in score.events} <= beats
    assert {section.start for section in score.sections} <= beats
    joins = [event for event in score.events if event.fade_in]
    assert joins


def sounding(score: Score, start: float, stop: float) -> float:
    """Share of a stretch of the piece in which its only layer sounds."""
    lo, hi = round(start * score.samples), round(stop * score.samples)
    heard = np.zeros(score.samples, np.bool_)
    for event in score.events:
        heard[event.start : event.end] = True
    return float(heard[lo:hi].mean())


def test_density_is_the_share_of_sound() -> None:
    assert sounding(styled(20.0, density=0.5), 0, 1) == pytest.approx(0.5, abs=0.08)
    assert sounding(styled(5.0), 0, 1) == pytest.approx(1.0, abs=0.02)


def test_moods_do_what_they_say() -> None:
    score = styled(
        20.0, density=0.8, sections=parts_from_text("rising, falling"), choose="brightness"
    )
    assert [(s.start, s.name) for s in score.sections] == [
        (0, "rising"),
        (score.samples // 2, "falling"),
    ]
    assert sounding(score, 0, 0.15) < sounding(score, 0.35, 0.5)
    assert sounding(score, 0.85, 1) < sounding(score, 0.5, 0.65)
    levels = [BY_ID[event.clip].measures.loudness + event.gain_db for event in score.events]
    ranks = sorted(MANY, key=lambda each: each.measures.centroid)
    places = [ranks.index(BY_ID[event.clip]) for event in score.events]
    quarter = len(places) // 8
    assert sum(places[:quarter]) < sum(places[len(places) // 2 - quarter : len(places) // 2])
    assert levels[0] == pytest.approx(-29, abs=0.1)
    assert max(levels) <= -19.9
    sparse, dense = (styled(20.0, density=0.6, sections=(Part(m),)) for m in ("sparse", "dense"))
    assert sounding(sparse, 0, 1) < 0.4 < 0.75 < sounding(dense, 0, 1)


def test_a_walk_goes_on_by_the_other_parent() -> None:
    score = styled(3.0, choose="parents")
    parents = [{p.file_id for p in score.clips[event.clip].parents} for event in score.events]
    steps = 0
    for first, second, third in zip(parents, parents[1:], parents[2:], strict=False):
        into, out = first & second, second & third
        steps += len(into) == len(out) == 1 and into != out
    assert steps > 0.7 * (len(parents) - 2)
    at_random = styled(3.0)
    sets = [{p.file_id for p in at_random.clips[event.clip].parents} for event in at_random.events]
    assert sum(len(a & b) == 1 for a, b in itertools.pairwise(sets)) < 0.7 * len(sets)
    assert "shares 's" in score.events[1].why


def test_likeness_and_contrast() -> None:
    def steps(choose: str) -> float:
        order = [BY_ID[event.clip].measures for event in styled(4.0, choose=choose).events]
        return sum(abs(a.loudness - b.loudness) for a, b in itertools.pairwise(order)) / len(order)

    assert steps("similarity") < steps("chance") < steps("contrast")


def test_categories_filter_and_follow() -> None:
    score = compose(MANY, 1.0, 1, rules=Rules(categories=("Kind 1",)))
    for clip in score.clips.values():
        assert "kind 1" in {name for parent in clip.parents for name in parent.categories}
    kinds = [
        {name for parent in score.clips[event.clip].parents for name in parent.categories}
        for score in [styled(2.0, choose="category")]
        for event in score.events
    ]
    assert all(a & b for a, b in itertools.pairwise(kinds))
    with pytest.raises(SequencerError, match="no clip is in category birds; there are kind 0, "):
        compose(MANY, 1.0, 1, rules=Rules(categories=("birds",)))


@given(st.floats(0.12, 0.9), st.integers(0, 1000), st.integers(1, 3), st.sampled_from([0.0, 100.0]))
@settings(max_examples=40, deadline=None)
def test_no_source_has_more_than_its_share_or_it_is_said(
    share: float, seed: int, layers: int, tempo: float
) -> None:
    # Parts of clips, in which a source's weight is not that in the whole clip.
    style = Style(layers=layers, event_seconds=(0.5, 3.0), tempo=tempo)
    rules = Rules(style=style, max_share=share)
    score = compose(MANY, 1.0, seed, rules=rules)
    most = max(audible_seconds(score).values()) / score.seconds
    said = [note for note in score.notes if "cannot be held" in note]
    assert bool(said) == (most > share + 1e-4)
    if share > 0.25 * layers:
        # Twelve recordings of which each may have that much: it can be held.
        assert not said


def test_a_share_shorter_than_the_clips_is_held_by_playing_parts() -> None:
    # Three seconds for each of twelve recordings, in clips of up to seven.
    score = compose(MANY, 0.5, 1, rules=Rules(max_share=0.15))
    assert max(audible_seconds(score).values()) <= 0.15 * 30 + 1e-3
    assert not any("cannot be held" in note for note in score.notes)
    tight = compose(MANY, 0.5, 1, rules=Rules(max_share=0.05))
    assert any("cannot be held with 12 of them" in note for note in tight.notes)
    heard = audible_seconds(tight)
    assert len(heard) == 12
    assert max(heard.values()) < 0.3 * 30


def test_plays_are_limited_or_it_is_said() -> None:
    score = styled(1.0, plays=1)
    assert len(score.clips) == len(score.events)
    many = styled(20.0, plays=2)
    assert "clips were played more often than --plays 2" in " ".join(many.notes)


def test_licences_decide_what_plays() -> None:
    def under(licence: str, name: str) -> Candidate:
        each = candidate(name, 3 * RATE, (f"of {name}",))
        parent = replace(each.clip.parents[0], rights=Rights(title=name, licence=licence))
        return replace(each, clip=replace(each.clip, parents=(parent,)))

    some = [under("CC-BY-4.0", "a"), under("CC-BY-SA-3.0", "b"), under("CC-BY-SA-1.0", "c")]
    score = compose(some, 0.3, 1)
    assert (score.licence, set(score.clips)) == ("CC-BY-SA-4.0", {"a", "b"})
    assert any(note.startswith("left out 'c': its \"c\" (CC-BY-SA-1.0)") for note in score.notes)
    aimed = compose(some, 0.3, 1, rules=Rules(target="CC-BY-4.0"))
    assert (aimed.licence, aimed.target, set(aimed.clips)) == ("CC-BY-4.0", "CC-BY-4.0", {"a"})
    with pytest.raises(SequencerError, match=r"none of the 3 clips goes into CC0-1\.0: "):
        compose(some, 0.3, 1, rules=Rules(target="CC0-1.0"))


def test_layers_are_placed_apart() -> None:
    score = styled(1.0, layers=3, width=1.0, layer_step_db=2.0)
    assert [(layer.name, layer.gain_db) for layer in score.layers] == [
        ("layer 1", 0.0),
        ("layer 2", -2.0),
        ("layer 3", -4.0),
    ]
    pans: dict[str, list[float]] = {layer.name: [] for layer in score.layers}
    for event in score.events:
        pans[event.layer].append(event.pan)
    means = [sum(each) / len(each) for each in pans.values()]
    assert means == sorted(means)
    assert score.channels == 2
    assert styled(1.0).channels == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"layers": 0}, "--layers must be from 1 to 16, not 0"),
        ({"density": 1.2}, "--density must be from 0.05 to 1"),
        ({"tempo": 5.0}, "--tempo must be from 20 to 400"),
        ({"event_seconds": (3.0, 2.0)}, "--event-seconds: 3 is more than 2"),
        ({"fade_seconds": (0.0, 2.0)}, "--fade-seconds must be from 0.002"),
        ({"width": float("nan")}, "--width must be from 0 to 1"),
        ({"plays": -1}, "--plays must be at least 0"),
        ({"sections": ()}, "--sections: at least one of steady"),
    ],
)
def test_styles_that_cannot_be(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SequencerError) as caught:
        styled(**changes)
    assert words in str(caught.value)


def test_texts_of_flags() -> None:
    assert parts_from_text("sparse, Rising:2") == (Part("sparse"), Part("rising", 2.0))
    assert range_from_text("event-seconds", "2-8") == (2.0, 8.0)
    assert range_from_text("event-seconds", "5") == (5.0, 5.0)
    for text in ("loud", "", "rising:x"):
        with pytest.raises(SequencerError, match="--sections: "):
            parts_from_text(text)
    with pytest.raises(SequencerError, match="--fade-seconds: a number is expected, not 'x'"):
        range_from_text("fade-seconds", "1-x")


def test_the_readme_says_what_each_preset_sets() -> None:
    assert styles_table() in PAGE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in styles_table() for name in PRESETS)


def test_sections_that_fall_together_are_one() -> None:
    grid = Grid(20.0, RATE)
    sections = Sections([Part("sparse"), Part("dense", 0.01), Part("rising")], 10 * RATE, 1.0, grid)
    starts = [section.start for section in sections.listed()]
    assert starts == sorted(set(starts))
    assert starts[0] == 0


def test_twenty_thousand_events_in_seconds() -> None:
    many = clips(20_000, 3000)
    start = time.process_time()
    score = compose(many, 1100, 1)
    assert len(score.events) > 20_000
    # CPU time, so that a busy machine makes no difference; a few seconds when nothing else runs.
    assert time.process_time() - start < 30
