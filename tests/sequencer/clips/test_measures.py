from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.clips.measures import Meter, measure
from tests.sequencer.sounds import RATE, noise, pluck, tone


@given(cuts=st.lists(st.integers(0, 2 * RATE), max_size=6))
@settings(max_examples=25, deadline=None)
def test_blocks_do_not_matter(cuts: list[int]) -> None:
    samples = np.concatenate([pluck(1.0), np.clip(noise(1.0, 0.8), -1, 1)])
    meter = Meter(RATE)
    for part in np.split(samples, sorted(cuts)):
        meter.add(part)
    whole, cut = asdict(measure(samples, RATE)), asdict(meter.measures())
    for name, value in whole.items():
        assert cut[name] == pytest.approx(value, rel=1e-9), name


def test_measures_of_known_sounds() -> None:
    sine = measure(tone(4.0, 1000, 0.5), RATE)
    assert sine.peak == pytest.approx(0.5, abs=1e-6)
    assert sine.rms == pytest.approx(0.5 / 2**0.5, abs=1e-6)
    assert sine.crest == pytest.approx(3.01, abs=0.01)
    assert sine.centroid == pytest.approx(1000, abs=2)
    assert sine.dc == pytest.approx(0, abs=1e-6)
    assert sine.seconds == 4.0
    white = measure(noise(8.0, 0.1), RATE)
    assert white.flatness > 0.95
    assert white.centroid == pytest.approx(4000, rel=0.02)
    assert white.rms == pytest.approx(0.1, rel=0.02)


def test_loudness_is_that_of_the_standard() -> None:
    # BS.1770-4: a 997 Hz sine at full scale in one channel measures -3.01 LUFS.
    assert measure(tone(4.0, 997, 1.0), RATE).loudness == pytest.approx(-3.01, abs=0.05)
    assert measure(tone(4.0, 997, 0.1), RATE).loudness == pytest.approx(-23.01, abs=0.05)
    # Silence around it is gated away.
    padded = np.concatenate([np.zeros(4 * RATE, np.float32), tone(8.0, 997, 0.1)])
    assert measure(padded, RATE).loudness == pytest.approx(-23.01, abs=0.3)
    assert measure(np.zeros(RATE, np.float32), RATE).loudness == -120.0
