"""What the tests of the product share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from nsynth_batch.models.wavenet.config import Config
from nsynth_batch.models.weights import random_weights, save_weights

# Shared machines pause for longer than a deadline for one example.
settings.register_profile("unhurried", deadline=None, max_examples=50)
settings.load_profile("unhurried")

TINY = Config(
    num_layers=4,
    num_stages=2,
    width=16,
    skip_width=16,
    ae_num_layers=4,
    ae_num_stages=2,
    ae_width=8,
)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of random weights, small enough to decode in no time."""
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    save_weights(random_weights(TINY, seed=3), path)
    return path
