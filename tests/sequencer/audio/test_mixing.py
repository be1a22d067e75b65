"""Which mix keeps what sounds."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.audio.recording import load_audio, open_recording
from sequencer.errors import AudioError
from tests.sequencer.sounds import RATE, encoded, noise, tone

SOUND = tone(1.0)


def mixed(channels: np.ndarray, rate: int = RATE) -> tuple[np.ndarray, list[str]]:
    with open_recording(io.BytesIO(encoded(channels, subtype="FLOAT", rate=rate))) as reader:
        return np.concatenate(list(reader.mono_blocks(rate, refuse_silent=True))), reader.notes


@pytest.mark.parametrize(
    "weights", [(1, -1), (1, -0.95), (1, -1, 1, -1), (1, 1, -2), (0.5, -0.5, 0), (-0.2, 0.2)]
)
def test_channels_that_cancel_leave_the_loudest(weights: tuple[float, ...]) -> None:
    channels = SOUND[:, None] * np.array(weights, np.float32) * np.float32(0.5)
    got, notes = mixed(channels)
    loudest = max(weights, key=abs)
    np.testing.assert_array_equal(got, channels[:, weights.index(loudest)])
    assert any("cancel" in note for note in notes)


@pytest.mark.parametrize("weights", [(1, 1), (1, 0), (1, -0.3), (1, 0, 0, 0, 0, 0), (0.1, 1)])
def test_other_channels_are_mixed_to_their_mean(weights: tuple[float, ...]) -> None:
    channels = SOUND[:, None] * np.array(weights, np.float32)
    got, notes = mixed(channels)
    np.testing.assert_allclose(got, channels.mean(axis=1), atol=1e-7)
    assert notes == []


def test_unrelated_channels_do_not_cancel() -> None:
    channels = np.stack([noise(1.0, 0.1, seed) for seed in range(8)], 1)
    _, notes = mixed(channels)
    assert notes == []


def test_a_stretch_that_cancels_is_not_lost() -> None:
    sound = tone(10.0)
    other = np.where(np.arange(len(sound)) < 5 * RATE, -sound, sound)
    got, notes = mixed(np.stack([sound, other], 1))
    np.testing.assert_array_equal(got, sound)
    assert notes


@pytest.mark.parametrize("value", [0.0, 0.25, -1.0])
def test_one_value_throughout_is_silence(value: float) -> None:
    with pytest.raises(AudioError) as caught:
        mixed(np.full((RATE, 2), value))
    assert caught.value.reason == "silent"


def test_one_sample_that_differs_is_none() -> None:
    sound = np.zeros((RATE, 2))
    sound[-1] = 0.1, -0.1
    got, _ = mixed(sound)
    assert got.any()


@given(level=st.floats(1.001, 1e6), rate=st.sampled_from([16_000, 44_100]))
@settings(max_examples=25, deadline=None)
def test_a_whole_array_stays_within_full_scale(level: float, rate: int) -> None:
    sound = tone(0.2) * np.float32(2 * level)
    got = load_audio(io.BytesIO(encoded(sound, subtype="FLOAT", rate=rate)))
    assert 0.9 < np.abs(got).max() <= 1.0


def test_levels_that_no_sound_has_are_refused() -> None:
    with pytest.raises(AudioError) as caught:
        mixed(tone(0.2)[:, None] * np.float32(1e20))
    assert caught.value.reason == "non-finite"
