from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from nsynth_batch.models.wavenet import auxiliary
from nsynth_batch.models.wavenet.config import CONFIGS
from nsynth_batch.models.wavenet.loss import head_error
from tests.nsynth_batch.builders import ODD

SMALL = CONFIGS["small"]


@pytest.mark.parametrize("hertz", [110.0, 440.0, 466.16, 3000.0])
def test_a_tone_stands_in_the_band_of_its_pitch(hertz: float) -> None:
    tone = np.sin(2 * np.pi * hertz * np.arange(8192) / 16_000).astype(np.float32)
    band = auxiliary.spectra(SMALL, tone[None])[0, 8].argmax()
    assert band == pytest.approx(24 * np.log2(hertz / 55), abs=1)


def test_a_frame_has_a_row_and_silence_has_the_floor() -> None:
    found = auxiliary.spectra(SMALL, np.zeros((3, 4096), np.float32))
    assert found.shape == (3, 8, auxiliary.BANDS)
    assert np.allclose(found, np.log(auxiliary.FLOOR))


def test_the_head_learns_to_read_what_encodings_hold() -> None:
    shape = (2, 6, ODD.ae_bottleneck)
    encodings = np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)
    targets = np.repeat(encodings[..., :1], auxiliary.BANDS, axis=-1)
    head = {n: tf.Variable(v) for n, v in auxiliary.initial_head(ODD, 1).items()}
    assert {n: tuple(v.shape) for n, v in head.items()} == auxiliary.head_shapes(ODD)
    errors = []
    for _ in range(200):
        with tf.GradientTape() as tape:
            error = head_error(head, encodings, targets)
        for variable, change in zip(
            head.values(), tape.gradient(error, list(head.values())), strict=True
        ):
            variable.assign_sub(0.3 * change)
        errors.append(float(error))
    assert errors[-1] < 0.1 * errors[0]
