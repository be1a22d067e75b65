"""What of magenta's engine runs without magenta."""

from __future__ import annotations

import numpy as np

from nsynth_batch.models.engine import NO_CODE
from nsynth_batch.models.quantiser import LOWEST
from nsynth_batch.models.wavenet.magenta_engine import _bins


def test_probabilities_that_are_nan_have_no_bin() -> None:
    probabilities = np.full((3, 256), 1 / 256, np.float32)
    probabilities[1] = np.nan
    bins = _bins(probabilities, np.array([0.0, 0.5, 1.5], np.float32))
    assert bins.tolist() == [0, NO_CODE - LOWEST, 255]
