from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.models import quantiser
from nsynth_batch.models.quantiser import (
    MU_LAW,
    MU_LAW_NSYNTH,
    PCM,
    Quantiser,
    linear,
    quantiser_named,
)

EACH = pytest.mark.parametrize(
    "one", [MU_LAW_NSYNTH, MU_LAW, linear(), linear(3.7)], ids=lambda one: one.name
)
CODES = np.arange(-128, 128, dtype=np.int16)


def test_all_codes_come_back_from_their_audio() -> None:
    codes = np.arange(-128, 128, dtype=np.int16)
    np.testing.assert_array_equal(quantiser.encode(quantiser.decode(codes)), codes)


def test_code_zero_is_silence_and_nothing_else_is() -> None:
    audio = quantiser.decode(np.arange(-128, 128))
    assert audio[128] == 0.0
    assert np.count_nonzero(audio) == 255


def test_full_scale_stays_within_the_bins() -> None:
    codes = quantiser.encode(np.array([1.0, -1.0, 1.3, -1.3, 0.0], np.float32))
    np.testing.assert_array_equal(codes, [127, -128, 127, -128, 0])


@given(st.floats(-1, 1, width=32), st.floats(-1, 1, width=32))
def test_louder_never_has_the_lower_code(a: float, b: float) -> None:
    low, high = quantiser.encode(np.array(sorted([a, b]), np.float32))
    assert low <= high


@given(st.floats(-1, 1, width=32))
def test_decoding_is_close(x: float) -> None:
    back = float(quantiser.decode(quantiser.encode(np.array([x], np.float32)))[0])
    assert abs(back - x) <= 0.024 * abs(x) + 0.0002


@EACH
def test_each_has_a_code_for_all_audio_and_audio_for_each_code(one: Quantiser) -> None:
    audio = one.decode(CODES)
    assert audio.dtype == np.float32
    assert (np.diff(audio) > 0).all()
    np.testing.assert_array_equal(one.encode(audio), CODES)
    wide = one.encode(np.array([-2.0, 2.0, 0.0], np.float32))
    np.testing.assert_array_equal(wide, [-128, 127, 0])


@EACH
def test_the_edges_are_where_the_code_changes(one: Quantiser) -> None:
    edges = one.edges()
    assert edges[0] == -np.inf and edges[-1] == np.inf and len(edges) == one.levels + 1
    inner = edges[1:-1]
    # Code 0 of NSynth's lies about 0 alone: from there its bins begin at their own values.
    apart = np.maximum(np.abs(inner) * 1e-4, 1e-6)
    below, above = (one.encode((inner + d).astype(np.float32)) for d in (-apart, apart))
    np.testing.assert_array_equal(below, CODES[:-1])
    np.testing.assert_array_equal(above, CODES[1:])


def test_the_common_one_is_that_of_the_formula_in_use() -> None:
    x = np.linspace(-1, 1, 4001)
    signal = np.sign(x) * np.log1p(255 * np.abs(x)) / np.log1p(255)
    expected = ((signal + 1) / 2 * 255 + 0.5).astype(np.int32)
    np.testing.assert_array_equal(MU_LAW.encode(x.astype(np.float32)) + 128, expected)


@given(st.floats(0.1, 50), st.floats(-1, 1, width=32))
def test_a_linear_one_is_right_to_half_a_step_up_to_its_peak(gain: float, x: float) -> None:
    one = linear(gain)
    back = float(one.decode(one.encode(np.array([x], np.float32)))[0])
    reached = np.clip(x, -1 / gain, 127 / 128 / gain)
    assert abs(back - reached) <= 0.5001 / 128 / gain
    assert one.decode(np.zeros(1, np.int16))[0] == 0.0


def test_samples_of_16_bits_are_what_files_hold() -> None:
    codes = np.arange(-(2**15), 2**15).astype(np.int16)
    np.testing.assert_array_equal(PCM.encode(PCM.decode(codes)), codes)
    assert (len(PCM.edges()), PCM.levels, PCM.lowest) == (2**16 + 1, 2**16, -(2**15))


def test_a_name_is_looked_up_and_an_unknown_one_refused() -> None:
    for name in ("mu-law-nsynth", "mu-law", "linear"):
        assert quantiser_named(name).name == name
    with pytest.raises(ValueError, match="'alaw': choose one of mu-law-nsynth, mu-law, linear"):
        quantiser_named("alaw")
    with pytest.raises(ValueError, match="gain must be above 0"):
        linear(0.0)
