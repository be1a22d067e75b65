from __future__ import annotations

from dataclasses import replace

import pytest

from nsynth_batch.models.frame_gru.config import FRAME_CONFIGS, FrameConfig, tensor_shapes
from nsynth_batch.models.frame_gru.family import FAMILY


def test_sizes_are_read_back_and_wrong_ones_refused() -> None:
    for config in FRAME_CONFIGS.values():
        assert FrameConfig.from_dict(config.to_dict()) == config
        shapes = {
            name: v.shape
            for name, v in FAMILY.initial(replace(config, hidden=3), 0).tensors.items()
        }
        assert shapes == tensor_shapes(replace(config, hidden=3))
    tiny = FRAME_CONFIGS["tiny"].to_dict()
    for wrong in (
        {"frame": 0},
        {"head": "median"},
        {"past": "all"},
        {"quantiser": "linear"},
        {"gain": 0},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            FrameConfig.from_dict({**tiny, **wrong})
    with pytest.raises(ValueError, match="unknown model size 'width'"):
        FrameConfig.from_dict({**tiny, "width": 3})
    with pytest.raises(ValueError, match="'hidden' is missing"):
        FrameConfig.from_dict({"frame": 1, "sequence": 2})


def test_published_sizes_have_their_parameters() -> None:
    shapes = tensor_shapes(FRAME_CONFIGS["1000_100"])
    parameters = sum(s[0] * (s[1] if len(s) > 1 else 1) for s in shapes.values())
    assert parameters == pytest.approx(0.88e6, rel=0.01)


def test_a_window_costs_as_much_as_its_frames() -> None:
    plain = FRAME_CONFIGS["1000_100"]
    once, each = FAMILY.cost(plain).generate, FAMILY.cost(replace(plain, past="window")).generate
    assert each == pytest.approx(100 * once, rel=0.01)


def test_what_a_family_without_codes_and_encoder_cannot_do_is_refused() -> None:
    from nsynth_batch.models.recipe import FREE_RUNNING, Corruption, Recipe

    with pytest.raises(ValueError, match="no encoder"):
        FAMILY.auxiliary(FRAME_CONFIGS["tiny"], FREE_RUNNING, 0)
    import numpy as np

    draw = np.random.default_rng(0)
    crops = np.zeros((1, 400), np.float32)
    with pytest.raises(ValueError, match="has no codes"):
        FAMILY.batch(FRAME_CONFIGS["tiny"], crops, Recipe(Corruption()), draw)
    with pytest.raises(ValueError, match="leave nothing to learn"):
        FAMILY.batch(FRAME_CONFIGS["tiny"], crops[:, :200], Recipe(), draw)
