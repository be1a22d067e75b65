from __future__ import annotations

import numpy as np

from sequencer.pictures.square import BANDS, COLUMNS, _mosaic, square
from tests.sequencer.sounds import RATE, noise, tone


def test_each_point_is_at_its_place_and_the_bytes_are_the_same_again() -> None:
    tiles = np.zeros((4, BANDS, COLUMNS))
    tiles[1, 0] = 1.0
    picture = np.nan_to_num(_mosaic(tiles))
    # The lowest band of the second point: at the right, at the foot of the first row.
    rows, columns = np.nonzero(picture)
    assert set(rows) == {BANDS - 1}
    assert columns.min() > COLUMNS
    sounds = [tone(0.5, 300), tone(0.02, 900), noise(3.0), np.zeros(RATE, np.float32)]
    drawn = square(sounds, RATE, ["$a", "b", "\u4e2d", "d"])
    assert drawn == square(iter(sounds), RATE, ["$a", "b", "\u4e2d", "d"])
    assert drawn.startswith(b"\x89PNG")
