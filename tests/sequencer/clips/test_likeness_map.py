from __future__ import annotations

import numpy as np
import pytest

from sequencer.clips.fingerprint import Fingerprint
from sequencer.clips.likeness_map import likeness_map
from sequencer.clips.measures import Meter
from tests.sequencer.sounds import RATE

KINDS = 4


def fingerprint(kind: int, chance: np.random.Generator) -> Fingerprint:
    """Take one of a tone of three pitches, or of hiss; no two are equal."""
    times = np.arange(RATE // 2) / RATE
    hiss = chance.normal(0.0, 0.1, len(times))
    pitch = (220.0, 700.0, 2400.0)[kind] * chance.uniform(0.95, 1.05) if kind < 3 else 0.0
    tone = np.sin(2 * np.pi * pitch * times) * np.exp(-times * chance.uniform(0.5, 2.0))
    meter = Meter(RATE)
    meter.add((hiss if kind == 3 else 0.3 * tone + 0.02 * hiss).astype(np.float32))
    return meter.fingerprint()


def test_what_sounds_alike_lies_together() -> None:
    chance = np.random.default_rng(1)
    kinds = np.arange(80) % KINDS
    prints = [fingerprint(int(kind), chance) for kind in kinds]
    places = likeness_map(prints)
    assert places.min() == 0.0
    assert places.max() == 1.0
    apart = np.sum((places[:, None] - places) ** 2, axis=2)
    np.fill_diagonal(apart, np.inf)
    nearest = kinds[np.argsort(apart, axis=1)[:, :3]]
    assert np.mean(nearest == kinds[:, None]) > 0.95
    assert np.array_equal(places, likeness_map(prints))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 13, 14, 20])
def test_few_and_equal_clips_have_places_too(count: int) -> None:
    one = fingerprint(0, np.random.default_rng(1))
    places = likeness_map([one] * count)
    assert places.shape == (count, 2)
    assert np.all((places >= 0) & (places <= 1))
