"""What the tests of the product share."""

from __future__ import annotations

import numpy as np
import pytest

from nsynth_batch.models.wavenet.family import random_weights
from nsynth_batch.models.weights import Weights
from tests.nsynth_batch.builders import ODD


@pytest.fixture(scope="session")
def tiny_weights() -> Weights:
    """A model of odd sizes whose biases are not zero, so that forgetting one is seen."""
    weights = random_weights(ODD, seed=3)
    draw = np.random.default_rng(4)
    tensors = {
        name: draw.normal(0, 0.2, value.shape).astype(np.float32) if value.ndim == 1 else value
        for name, value in weights.tensors.items()
    }
    return Weights(ODD, tensors, {"note": "tiny"})
