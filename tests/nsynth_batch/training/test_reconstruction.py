from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.wavenet.family import random_weights
from nsynth_batch.training.listening import BEST
from nsynth_batch.training.reconstruction import ReconstructionListener
from tests.nsynth_batch.builders import ODD

RATE = ODD.sample_rate


def test_a_listening_point_leaves_sound_picture_measures_and_the_best_model(
    tmp_path: Path,
) -> None:
    draw = np.random.default_rng(1)
    sounds = [
        (f"take {k}/{chr(0x1F3B8)}.wav", draw.uniform(-0.3, 0.3, 70 * ODD.hop).astype(np.float32))
        for k in range(2)
    ]
    listener = ReconstructionListener(str(tmp_path), sounds)
    weights = random_weights(ODD, 1)
    found = listener.listen(7, weights)
    folder = tmp_path / "listening/step-000007"
    assert sorted(p.name for p in folder.iterdir()) == [
        "1-take_0_.wav.png", "1-take_0_.wav.wav", "2-take_1_.wav.png", "2-take_1_.wav.wav",
    ]  # fmt: skip
    audio, rate = soundfile.read(folder / "1-take_0_.wav.wav", dtype="float32")
    source = sounds[0][1]
    assert rate == RATE
    assert len(audio) == 2 * len(source) + RATE // 2
    assert np.allclose(audio[: len(source)], source, atol=1e-3)
    assert np.array_equal(audio[len(source) : len(source) + RATE // 2], np.zeros(RATE // 2))
    assert math.isfinite(found.spread)
    assert found.drawn_nll == pytest.approx(found.entropy, abs=0.1)
    assert load_checkpoint(tmp_path / BEST).digest() == weights.digest()
