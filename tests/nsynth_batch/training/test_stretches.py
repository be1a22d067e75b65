from __future__ import annotations

import math

import numpy as np
import pytest

from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.stretches import stretches
from tests.nsynth_batch.builders import ODD

RATE = ODD.sample_rate


def corpus(*seconds: float) -> Corpus:
    draw = np.random.default_rng(1)
    return Corpus(
        (f"take {k}/{chr(0x1F3B8)}.wav", [draw.integers(-9000, 9000, int(s * RATE)).astype("<i2")])
        for k, s in enumerate(seconds)
    )


def test_the_loudest_stretch_of_recordings_spread_over_the_corpus_is_picked() -> None:
    quiet_then_loud = np.concatenate([np.full(4 * RATE, 10), np.full(RATE, 9000)]).astype(np.int16)
    found = stretches(Corpus([("a", [quiet_then_loud])]), ODD.hop, seconds=1.0)
    assert [name for name, _ in found] == ["a"]
    assert len(found[0][1]) == RATE // ODD.hop * ODD.hop
    assert found[0][1].min() > 0.2
    many = stretches(corpus(*[1.0] * 20), ODD.hop, count=4, seconds=0.5)
    assert [name.split("/")[0] for name, _ in many] == ["take 0", "take 6", "take 13", "take 19"]


@pytest.mark.parametrize(
    ("seconds", "picked"),
    [((0.001,), []), ((), []), ((0.3, 0.2), [0, 1]), ((0.3, 3.0, 0.2), [1])],
)
def test_short_recordings_are_picked_only_where_there_are_no_longer_ones(
    seconds: tuple[float, ...], picked: list[int]
) -> None:
    found = stretches(corpus(*seconds), ODD.hop, seconds=2.0)
    assert [int(name[5]) for name, _ in found] == picked
    assert all(len(audio) % ODD.hop == 0 and len(audio) for _, audio in found)


def test_whole_recordings_are_picked_at_any_length_where_asked() -> None:
    found = stretches(corpus(0.3, 2.0, 0.1), ODD.hop, count=3, seconds=math.inf, short=True)
    assert [len(audio) for _, audio in found] == [
        int(s * RATE) // ODD.hop * ODD.hop for s in (0.3, 2.0, 0.1)
    ]
