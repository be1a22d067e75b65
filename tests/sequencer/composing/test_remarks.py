"""Remarks are of the score as it is, not as it was composed."""

from __future__ import annotations

from dataclasses import replace

from sequencer.composing.compose import compose
from sequencer.composing.remarks import remarks
from tests.sequencer.builders import candidate


def test_clips_that_play_again_are_counted_as_the_score_is_now() -> None:
    score = compose([candidate(f"c{number}") for number in range(4)], 1.0, 1)
    again = len(score.events) - 4
    assert remarks(score)[-1] == (
        f"4 clips of 0:04 together are played for 1:00: clips were played again {again} times"
    )
    assert not any("again" in note for note in score.notes)
    shorter = replace(score, events=score.events[:5])
    assert remarks(shorter)[-1].endswith("clips were played again 1 time")
    once = replace(score, events=score.events[:4])
    assert not any("again" in remark for remark in remarks(once))


def test_a_licence_that_cannot_be_stated_is_named() -> None:
    score = compose([candidate("c", parents=("a",))], 0.1, 1)
    assert remarks(score)[0].startswith("the licence of the result cannot be stated")
