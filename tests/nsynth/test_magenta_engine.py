"""What of magenta's engine runs without magenta."""

from __future__ import annotations

import numpy as np

from nsynth_batch.nsynth.engines import NO_CODE
from nsynth_batch.nsynth.magenta_engine import _bins
from nsynth_batch.nsynth.mulaw import LOWEST


def test_probabilities_that_are_nan_have_no_bin() -> None:
    probabilities = np.full((3, 256), 1 / 256, np.float32)
    probabilities[1] = np.nan
    bins = _bins(probabilities, np.array([0.0, 0.5, 1.5], np.float32))
    assert bins.tolist() == [0, NO_CODE - LOWEST, 255]
