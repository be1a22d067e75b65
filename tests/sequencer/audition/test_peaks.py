from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.audition.peaks import peaks
from tests.sequencer.sounds import noise


def test_each_column_holds_its_loudest_sample() -> None:
    samples = np.zeros(16_000, np.float32)
    samples[8_000] = -0.5
    samples[15_999] = 2.0
    found = peaks([samples], 10)
    assert list(found) == [0, 0, 0, 0, 0, 128, 0, 0, 0, 255]
    assert peaks([], 10) == b""
    assert peaks([samples[:100]], 10) == b"\0"


@given(st.lists(st.integers(0, 3_000), max_size=6), st.integers(1, 40))
@settings(deadline=None)
def test_blocks_do_not_matter(cuts: list[int], columns: int) -> None:
    samples = noise(0.19)
    edges = sorted({0, len(samples), *(cut for cut in cuts if cut < len(samples))})
    blocks = [samples[a:b] for a, b in pairwise(edges)]
    found = peaks(blocks, columns)
    assert found == peaks([samples], columns)
    assert max(found) == round(float(np.abs(samples).max()) * 255)
