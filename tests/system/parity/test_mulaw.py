"""Mu-law against magenta's, bit for bit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import tensorflow.compat.v1 as tf
from magenta.models.nsynth import utils

from nsynth_batch.models import quantiser

CODES = np.arange(-128, 128, dtype=np.int16)


def magenta_encode(audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, audio.shape)
        return session.run(utils.mu_law(x), {x: audio})


def test_every_code_decodes_to_magentas_value() -> None:
    theirs = utils.inv_mu_law_numpy(CODES)
    assert theirs.dtype == np.float32
    np.testing.assert_array_equal(quantiser.decode(CODES), theirs)


def test_every_code_comes_back_from_its_value() -> None:
    audio = quantiser.decode(CODES)
    np.testing.assert_array_equal(quantiser.encode(audio), CODES)
    np.testing.assert_array_equal(magenta_encode(audio), CODES)


def test_every_16_bit_sample_has_magentas_code() -> None:
    audio = (np.arange(-(2**15), 2**15) / 2**15).astype(np.float32)
    np.testing.assert_array_equal(quantiser.encode(audio), magenta_encode(audio))


def test_any_float_sample_has_magentas_code() -> None:
    audio = np.random.default_rng(3).uniform(-1, 1, 1_000_000).astype(np.float32)
    np.testing.assert_array_equal(quantiser.encode(audio), magenta_encode(audio))


def test_what_magenta_gives_no_bin_is_held_at_the_last() -> None:
    audio = np.array([1.0, 1.2, -1.0, -1.2], np.float32)
    np.testing.assert_array_equal(magenta_encode(audio), [128, 132, -128, -133])
    np.testing.assert_array_equal(quantiser.encode(audio), [127, 127, -128, -128])


def test_code_zero_is_silence_in_both() -> None:
    assert quantiser.decode(np.zeros(1, np.int16))[0] == 0.0
    assert utils.inv_mu_law_numpy(np.zeros(1))[0] == 0.0
