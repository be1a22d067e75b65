from __future__ import annotations

import pytest

from nsynth_batch.models.wavenet.config import CONFIGS
from nsynth_batch.models.wavenet.family import FAMILY
from tests.nsynth_batch.builders import TINY


@pytest.mark.parametrize(("name", "samples"), [("small", 2048), ("h512_bo16", 6144)])
def test_a_crop_is_about_as_long_as_the_past_that_the_model_reads(name: str, samples: int) -> None:
    assert FAMILY.crop_samples(CONFIGS[name]) == samples


def test_a_crop_is_a_hop_at_least() -> None:
    assert TINY.receptive_field < TINY.hop / 2
    assert FAMILY.crop_samples(TINY) == TINY.hop
