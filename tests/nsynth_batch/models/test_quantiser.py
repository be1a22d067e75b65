from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.models import quantiser


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
