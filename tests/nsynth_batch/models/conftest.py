from __future__ import annotations

import numpy as np
import pytest

from nsynth_batch.models.wavenet.config import Config
from nsynth_batch.models.weights import Weights, random_weights

TINY = Config(
    num_layers=5,
    num_stages=3,
    width=6,
    skip_width=10,
    ae_num_layers=4,
    ae_num_stages=3,
    ae_width=5,
    ae_bottleneck=3,
    ae_hop_length=64,
)


@pytest.fixture(scope="session")
def tiny() -> Weights:
    """A model of odd sizes whose biases are not zero, so that forgetting one is seen."""
    weights = random_weights(TINY, seed=3)
    draw = np.random.default_rng(4)
    tensors = {
        name: draw.normal(0, 0.2, value.shape).astype(np.float32) if value.ndim == 1 else value
        for name, value in weights.tensors.items()
    }
    return Weights(TINY, tensors, {"note": "tiny"})
