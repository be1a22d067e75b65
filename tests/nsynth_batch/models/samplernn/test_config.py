"""Sizes of a SampleRNN: read back, put in words, and refused where they are none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.models.samplernn.config import (
    SAMPLE_CONFIGS,
    SampleConfig,
    products,
    tensor_shapes,
)
from nsynth_batch.models.samplernn.family import FAMILY

ratios = st.lists(st.integers(2, 5), max_size=3)


@given(shortest=st.integers(1, 6), ratios=ratios, sequences=st.integers(1, 3))
def test_sizes_are_read_back_and_each_frame_conditions_those_below(
    shortest: int, ratios: list[int], sequences: int
) -> None:
    frames = [shortest]
    for ratio in ratios:
        frames.insert(0, frames[0] * ratio)
    config = SampleConfig(tuple(frames), hidden=3, sequence=sequences * frames[0])
    assert SampleConfig.from_dict(config.to_dict()) == config
    below = [*config.frames[1:], 1]
    assert [config.ratio(t) * below[t] for t in range(len(frames))] == frames
    shapes = tensor_shapes(config)
    assert shapes["samples/V"] == (shortest, 256, 3)
    assert all(shapes[f"tier_{t + 1}/input/V"] == (frames[t], 3) for t in range(len(frames)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": [16, 6]}, "frame lengths 16, 6 do not divide: 16 is no multiple of 6"),
        ({"frames": [4, 16]}, "from the longest to the shortest"),
        ({"frames": [8, 8]}, "do not divide"),
        ({"frames": []}, "frames must be lengths"),
        ({"frames": [8, 0]}, "frame length 2 must be a whole number above 0"),
        ({"frames": [8, 2.0]}, "frame length 2 must be a whole number"),
        ({"frames": 24}, "a sequence of 1024 samples is no whole number of the longest frames"),
        ({"hidden": 0}, "hidden must be"),
        ({"layers": True}, "layers must be"),
        ({"skip": 1}, "skip must be true or false"),
        ({"quantiser": "alaw"}, "no quantiser is called 'alaw'"),
        ({"gain": -1.0}, "gain must be above 0"),
        ({"width": 3}, "unknown model size 'width'"),
    ],
)
def test_what_is_no_size_is_one_line(change: dict[str, Any], message: str) -> None:
    values = {**SAMPLE_CONFIGS["small"].to_dict(), **change}
    with pytest.raises(ValueError, match=message):
        SampleConfig.from_dict(values)
    with pytest.raises(ValueError, match="'frames' is missing"):
        SampleConfig.from_dict({"hidden": 3})


def test_presets_are_the_published_sizes_and_say_so_in_words() -> None:
    def millions(name: str) -> tuple[float, float]:
        shapes = FAMILY.tensor_shapes(SAMPLE_CONFIGS[name])
        count = 0
        for tensor, shape in shapes.items():
            size = 1
            for n in shape:
                size *= n
            count += 0 if tensor.endswith("/g") else size
        return round(count / 1e6, 1), round(products(SAMPLE_CONFIGS[name]) / 1e6, 1)

    # The poster's, by samplernn-pytorch's network.
    assert millions("poster") == (26.6, 3.7)
    assert (SAMPLE_CONFIGS["poster"].frames, SAMPLE_CONFIGS["poster-8-2"].frames) == (
        (16, 8),
        (8, 2),
    )
    assert SAMPLE_CONFIGS["paper-2"].layers == 3
    assert SAMPLE_CONFIGS["poster"].in_words == (
        "2 tiers of frames: of 16 samples (0.36 ms), then of 8 samples (0.18 ms), each of 1 gated "
        "recurrent unit of 1024; a network over samples sees the last 8"
    )
    assert SAMPLE_CONFIGS["paper-2"].in_words.startswith("1 tier of frames: of 16 samples (1 ms), ")
