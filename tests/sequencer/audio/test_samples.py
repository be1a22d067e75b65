"""What takes one sound refuses the channels of one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sequencer.audio.pitch import pitch_track
from sequencer.clips.course import course
from sequencer.clips.measures import measure
from sequencer.clips.texture import texture
from sequencer.pictures.comparison import comparison
from sequencer.pictures.log_mel import log_mel
from sequencer.pictures.rainbowgram import rainbowgram


@pytest.mark.parametrize(
    "take",
    [
        lambda samples: measure(samples, 16_000),
        lambda samples: pitch_track(samples, 16_000),
        lambda samples: texture(samples, 16_000),
        lambda samples: course(samples, 16_000),
        lambda samples: log_mel(samples, 16_000),
        lambda samples: comparison([("stereo", samples)], 16_000),
        rainbowgram,
    ],
)
def test_channels_are_refused_whatever_their_axis(take: Callable[[object], object]) -> None:
    for shape, axis in (((2, 4000), 0), ((4000, 2), 1)):
        advice = rf"not of shape \({shape[0]}, {shape[1]}\); samples.mean\(axis={axis}\) mixes"
        with pytest.raises(ValueError, match=advice):
            take(np.zeros(shape, np.float32))
