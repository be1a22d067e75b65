"""Plain WAV files read without a decoder: as the decoder would, or not at all."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.audio.plain_wav import plain_wav
from tests.sequencer.sounds import RATE, encoded, noise


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=300), st.integers(1000, 96_000))
@settings(max_examples=50, deadline=None)
def test_samples_are_those_of_the_decoder(values: list[int], rate: int) -> None:
    out = io.BytesIO()
    soundfile.write(out, np.array(values, np.int16), rate, format="WAV", subtype="PCM_16")
    found = plain_wav(out.getvalue())
    assert found is not None
    assert (found[0], found[1].tolist()) == (rate, values)


@given(st.integers(0, 120), st.binary(min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_damage_never_gives_other_samples_than_the_decoder(at: int, damage: bytes) -> None:
    data = bytearray(encoded(noise(0.01)))
    data[at : at + len(damage)] = damage
    found = plain_wav(bytes(data))
    # Other rates are not asked for; libsndfile refuses some of them.
    if found is not None and found[0] == RATE:
        decoded, rate = soundfile.read(io.BytesIO(bytes(data)), dtype="int16")
        assert rate == found[0]
        assert found[1].tolist() == decoded.tolist()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        encoded(noise(0.1), subtype="FLOAT"),
        encoded(noise(0.1), subtype="PCM_24"),
        encoded(noise(0.1), kind="FLAC"),
        encoded(np.stack([noise(0.1)] * 2, axis=1)),
        encoded(noise(0.1))[:-1],
        encoded(noise(0.1))[:44],
    ],
)
def test_anything_else_is_left_to_the_decoder(data: bytes) -> None:
    assert plain_wav(data) is None
