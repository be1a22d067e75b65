"""Silence at the ends of recordings is left out, and counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.silence import sounding, trimmed

RATE = 8000


def noise(count: int, peak: int = 3000) -> np.ndarray:
    return np.random.default_rng(count).integers(-peak, peak, count).astype(np.int16)


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.int16)


def test_ends_are_left_out_and_gaps_stay() -> None:
    sound = [noise(4000), quiet(2), noise(4000)]
    kept, left_out = trimmed(
        Corpus(
            [
                ("bell", [np.concatenate([quiet(0.5), *sound, quiet(1)])]),
                ("rest", [quiet(3)]),
                ("loud", [noise(16_000)]),
                ("soft", [noise(16_000, 200)]),
            ],
            RATE,
        ),
        -60.0,
    )
    assert left_out == {"bell": 1.5, "rest": 3.0}
    assert kept.names == ["bell", "loud", "soft"]
    np.testing.assert_array_equal(dict(kept.recordings())["bell"], np.concatenate(sound))


def test_a_corpus_of_silence_leaves_nothing() -> None:
    kept, left_out = trimmed(Corpus([("rest", [quiet(1)]), ("none", [])], RATE), -60.0)
    assert (len(kept), kept.seconds, left_out) == (0, 0.0, {"rest": 1.0})


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 900)), max_size=6),
    st.sampled_from([1, 50, 8000, 44_100]),
    st.floats(-90, 0),
)
def test_what_is_left_out_is_silent(
    parts: list[tuple[bool, int]], rate: int, threshold: float
) -> None:
    blocks = [noise(n) if loud else np.zeros(n, np.int16) for loud, n in parts]
    samples = np.concatenate([np.zeros(0, np.int16), *blocks])
    first, last = sounding(samples, rate, threshold)
    assert 0 <= first <= last <= len(samples)
    window = max(1, round(0.02 * rate))
    for outside in (samples[:first], samples[last:]):
        for start in range(0, len(outside), window):
            level = np.mean(np.square(outside[start : start + window] / 32768.0))
            assert level < 10 ** (threshold / 10) * (1 + 1e-9)
    # Louder is never trimmed less.
    longer = sounding(samples, rate, threshold - 6)
    assert longer[1] - longer[0] >= last - first


@pytest.mark.parametrize("count", [0, 1, 159, 160, 161])
def test_any_length_goes(count: int) -> None:
    assert sounding(noise(count), RATE, -60.0) == (0, count)
