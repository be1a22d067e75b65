from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.credits.aligned import aligned, audible_at, audible_seconds
from sequencer.errors import SequencerError
from tests.sequencer.scores import piece


def test_a_span_holds_its_weights_in_the_time_of_the_piece() -> None:
    spans = aligned(piece())
    assert [(span.start, span.end, span.clip.clip_id) for span in spans] == [
        (0, 64_000, "a"),
        (48_000, 112_000, "b"),
        (56_000, 88_000, "a"),
        (144_000, 160_000, "b"),
    ]
    wind, choir = spans[0].audible
    assert wind.weights == ((0, 1.0), (32_000, 0.5), (63_999, 0.0))
    assert wind.mean == pytest.approx(0.5, abs=1e-4)
    assert choir.weights[-1] == (63_999, 1.0)
    # The second half of it begins one second into the clip.
    assert spans[2].audible[0].weights == ((56_000, 0.75), (72_000, 0.5), (87_999, 0.25))
    assert spans[3].audible[0].weights == ((144_000, 1.0), (159_999, 1.0))


def test_any_second_has_its_clip_and_recordings() -> None:
    score = piece()
    (moment,) = audible_at(score, 1.0)
    assert moment.span.clip.clip_id == "a"
    assert moment.seconds_in == 1.0
    assert [(p.rights.title, weight) for p, weight in moment.weights] == [
        ("Wind", 0.75),
        ("Choir", 0.25),
    ]
    assert [moment.span.event.layer for moment in audible_at(score, 3.75)] == [
        "main",
        "main",
        "over",
    ]
    assert audible_at(score, 8.0) == []
    for outside in (-0.1, 10.0, float("nan")):
        with pytest.raises(SequencerError, match=r"is not in this composition, which lasts 10 s"):
            audible_at(score, outside)


@given(st.floats(0, 9.999))
@settings(deadline=None)
def test_shares_of_a_mash_up_fill_it(seconds: float) -> None:
    for moment in audible_at(piece(), seconds):
        assert sum(weight for _, weight in moment.weights) == pytest.approx(1, abs=0.002)
        assert moment.span.start <= seconds * 16_000 < moment.span.end + 1


def test_time_heard_is_shared_by_weight() -> None:
    heard = audible_seconds(piece())
    assert heard["1" * 40] == pytest.approx(3.0, abs=0.01)
    assert heard["2" * 40] == pytest.approx(3.0, abs=0.01)
    assert heard["3" * 40] == pytest.approx(5.0, abs=0.01)
