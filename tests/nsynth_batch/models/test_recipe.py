from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.models.draws import generator
from nsynth_batch.models.quantiser import HIGHEST, LOWEST
from nsynth_batch.models.recipe import FREE_RUNNING, Corruption, corrupted

CODES = np.zeros((200, 4096), np.float32)


def noise(corruption: Corruption, step: int = 0) -> np.ndarray:
    return corrupted(CODES, corruption, generator(1, step), LOWEST, HIGHEST)


def test_without_corruption_inputs_are_the_codes() -> None:
    assert corrupted(CODES, None, generator(1, 0), LOWEST, HIGHEST) is CODES


def test_jitter_is_everywhere_and_of_its_size() -> None:
    found = noise(Corruption(jitter=0.5, share=0.0))
    assert np.all(np.abs(found.std(axis=1) - 0.5) < 0.05)


def test_a_share_of_the_crops_has_spans_of_stronger_noise() -> None:
    found = noise(Corruption(jitter=0.0, share=0.7, spans=3, span_samples=(256, 2048)))
    touched = np.count_nonzero(found, axis=1)
    assert 0.6 < np.mean(touched > 0) < 0.8
    # The last code's step is never left out by chance: a span is at least 256 samples.
    assert touched[touched > 0].min() > 240
    assert touched.max() <= 3 * 2048
    strengths = [row[row != 0].std() for row in found if row.any()]
    assert min(strengths) < 5 < 30 < max(strengths) < 65


@given(st.integers(1, 400), st.integers(0, 1000))
def test_inputs_keep_to_the_codes_range_whatever_the_length(length: int, step: int) -> None:
    codes = np.full((2, length), HIGHEST, np.float32)
    found = corrupted(codes, FREE_RUNNING.corruption, generator(3, step), LOWEST, HIGHEST)
    assert found.shape == codes.shape
    assert found.dtype == np.float32
    assert found.min() >= LOWEST and found.max() <= HIGHEST


def test_the_same_draws_give_the_same_noise() -> None:
    assert np.array_equal(noise(Corruption(), 4), noise(Corruption(), 4))
    assert not np.array_equal(noise(Corruption(), 4), noise(Corruption(), 5))


def test_the_encoder_learns_alone_first() -> None:
    assert [FREE_RUNNING.phase(step) for step in (0, 999, 1000)] == ["encoder", "encoder", "all"]
