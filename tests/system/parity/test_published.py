"""The published size: our engine against genuine magenta, on recordings and on the same draws."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from magenta.models.nsynth.wavenet import fastgen

from nsynth_batch.models import quantiser
from nsynth_batch.models.draws import Draws
from nsynth_batch.nsynth import Model
from tests.system.parity.checkpoints import Published
from tests.system.parity.recordings import recording

# A minute each on two cores at rest: magenta makes a session call a sample.
pytestmark = pytest.mark.timeout(1200)

HOP = 512
PAST_THE_RECEPTIVE_FIELD = 14 * HOP
COMPARED = 200
"""Samples whose draws all keep 5e-6 away from a change of bin, ten times what rounding moves it."""


def relative(ours: npt.NDArray[np.float32], theirs: npt.NDArray[np.float32]) -> float:
    """Give the largest difference by the root mean square of what is wanted."""
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.sqrt(np.mean(np.square(theirs))))


def test_encodings_are_those_of_magentas_own_command(published: Published, ours: Model) -> None:
    audio = np.stack([recording(name, 24 * HOP) for name in ("ambi_piano.flac", "drum_roll.flac")])
    theirs = fastgen.encode(audio, str(published.prefix), sample_length=audio.shape[1])
    assert theirs.shape == (2, 24, 16)
    assert relative(ours.encode(audio), theirs) < 1e-4


def test_logits_agree_past_the_receptive_field(ours: Model, theirs: Model) -> None:
    assert PAST_THE_RECEPTIVE_FIELD > 7_000 > ours.config.receptive_field
    audio = recording("perc_bell.flac", PAST_THE_RECEPTIVE_FIELD)[None]
    encodings = theirs.encode(audio)
    wanted = theirs.logits(audio, encodings)
    assert wanted.shape == (1, PAST_THE_RECEPTIVE_FIELD, 256)
    assert wanted.std() > 0.1
    assert np.abs(ours.logits(audio, encodings) - wanted).max() < 1e-3


def test_the_same_draws_give_magentas_codes(ours: Model, theirs: Model) -> None:
    audio = np.stack([recording(name, HOP) for name in ("ambi_piano.flac", "loop_tabla.flac")])
    encodings = ours.encode(audio)
    ids = ["piano", "tabla"]
    wanted = quantiser.encode(theirs.decode(encodings, seed=4, ids=ids))
    assert wanted.shape == (2, HOP)
    assert not np.array_equal(wanted[0], wanted[1])
    made = ours.decode(encodings, seed=4, ids=ids)
    np.testing.assert_array_equal(quantiser.encode(made)[:, :COMPARED], wanted[:, :COMPARED])
    # The same codes once more, from logits that see the whole clip at once.
    at_once = drawn(ours.logits(made, encodings), 4, ids)
    np.testing.assert_array_equal(at_once[:, :COMPARED], wanted[:, :COMPARED])


def drawn(logits: npt.NDArray[np.float32], seed: int, ids: list[str]) -> npt.NDArray[np.int16]:
    """Sample each step of teacher-forced logits with the draw of that step."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    sums = np.cumsum(shifted / shifted.sum(axis=-1, keepdims=True), axis=-1, dtype=np.float32)
    uniforms = np.stack([Draws(seed, name).uniform(0, logits.shape[1]) for name in ids])
    below = sums < uniforms[:, :, None]
    return (np.minimum(below.sum(axis=-1), 255) - 128).astype(np.int16)
