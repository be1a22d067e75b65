from __future__ import annotations

import numpy as np

from sequencer.pictures.log_mel import BANDS, log_mel
from tests.sequencer.sounds import RATE, noise, tone


def test_a_higher_tone_stands_higher_and_silence_is_black() -> None:
    rows = []
    for hertz in (200.0, 1000.0, 4000.0):
        picture = log_mel(tone(1.0, hertz), RATE)
        assert picture.shape == (BANDS, 1 + RATE // 256, 3)
        rows.append(int(np.argmax(picture[:, 20:40].astype(int).sum(axis=(1, 2)))))
    assert rows == sorted(rows, reverse=True)
    assert not log_mel(np.zeros(RATE, np.float32), RATE).any()
    assert log_mel(noise(0.01), RATE).shape[0] == BANDS
