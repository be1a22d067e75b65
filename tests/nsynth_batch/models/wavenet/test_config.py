from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nsynth_batch.models.wavenet.config import CONFIGS, Config, tensor_shapes


def test_published_sizes_are_the_published_ones() -> None:
    shapes = tensor_shapes(CONFIGS["h512_bo16"])
    encoder = {name: shape for name, shape in shapes.items() if name.startswith("ae_")}
    decoder = {name: shape for name, shape in shapes.items() if name not in encoder}
    assert (len(encoder), len(decoder)) == (124, 250)
    assert sum(map(math.prod, encoder.values())) == 1_976_336
    assert sum(map(math.prod, decoder.values())) == 59_827_712
    assert CONFIGS["h512_bo16"].receptive_field == 6141


def test_configuration_survives_its_dictionary() -> None:
    config = CONFIGS["small"]
    assert Config.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"width": 0}, "width"),
        ({"width": 2.5}, "width"),
        ({"filter_length": 0}, "filter_length"),
        ({"colour": 1}, "colour"),
    ],
)
def test_sizes_that_cannot_be_are_named(change: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Config.from_dict({**Config().to_dict(), **change})


@pytest.mark.parametrize(("taps", "field"), [(1, 1), (2, 1024), (3, 2047), (5, 4093)])
def test_the_receptive_field_follows_from_the_taps(taps: int, field: int) -> None:
    assert replace(CONFIGS["small"], filter_length=taps).receptive_field == field + taps - 1


def test_the_published_rate_leaves_no_trace_in_the_sizes() -> None:
    assert "sample_rate" not in Config().to_dict()
    other = Config(sample_rate=8000)
    assert Config.from_dict(other.to_dict()) == other


def test_missing_size_is_named() -> None:
    sizes = Config().to_dict()
    del sizes["ae_width"]
    with pytest.raises(ValueError, match="ae_width"):
        Config.from_dict(sizes)
