from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sequencer.pictures.piece_spectrogram import LOWEST_HZ, RANGE_DB, piece_spectrogram
from tests.sequencer.sounds import RATE, encoded, tone


@pytest.mark.parametrize("rate", [RATE, 44_100])
def test_each_tone_is_in_its_band_at_its_time(tmp_path: Path, rate: int) -> None:
    time = np.arange(20 * rate) / rate
    sound = 0.5 * np.sin(2 * np.pi * np.where(time < 10, 110, 3520) * time)
    (tmp_path / "x.wav").write_bytes(encoded(sound, rate=rate))
    levels, highest, seconds = piece_spectrogram(tmp_path / "x.wav")
    assert highest == rate / 2
    assert seconds == pytest.approx(20, abs=0.13)
    rows, columns = levels.shape
    for place, hertz in ((0.25, 110.0), (0.75, 3520.0)):
        loudest = int(np.argmax(levels[:, int(place * columns)]))
        wanted = rows * np.log2(hertz / LOWEST_HZ) / np.log2(highest / LOWEST_HZ)
        assert loudest + 0.5 == pytest.approx(wanted, abs=2.5)
    assert levels.max() == 0


def test_silence_short_and_long_sounds_have_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(encoded(np.zeros(RATE)))
    assert (piece_spectrogram(path)[0] == -RANGE_DB).all()
    path.write_bytes(encoded(tone(0.01)))
    assert piece_spectrogram(path)[0].shape[1] == 1
    path.write_bytes(encoded(np.tile(tone(10.0), 24)))
    levels, _, seconds = piece_spectrogram(path)
    assert levels.shape[1] < 240 / 0.128
    assert seconds == pytest.approx(240, abs=0.13)
