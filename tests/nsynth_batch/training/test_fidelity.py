from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.models.loading import make_engine
from nsynth_batch.models.wavenet.family import FAMILY, random_weights
from nsynth_batch.training.fidelity import (
    Fidelity,
    Measures,
    fidelity,
    measures,
    reconstructed,
    reconstructed_and_scored,
    spread,
    total,
)
from nsynth_batch.training.surprise import Surprise
from tests.nsynth_batch.builders import ODD

RATE = 16_000
TIME = np.arange(2 * RATE) / RATE
Audio = npt.NDArray[np.float32]


def note(hertz: float, slope: float = 1.0) -> Audio:
    partials = range(1, int(7_800 / hertz) + 1)
    wave = np.sum([np.sin(2 * np.pi * hertz * k * TIME) / k**slope for k in partials], axis=0)
    return (0.3 * wave / np.abs(wave).max()).astype(np.float32)


def noise(seed: int, level: float = 0.1) -> Audio:
    return np.random.default_rng(seed).normal(0, level, len(TIME)).astype(np.float32)


@given(hertz=st.floats(65, 950))
def test_a_copy_keeps_everything(hertz: float) -> None:
    kept = fidelity(note(hertz), note(hertz), RATE)
    assert kept.pitch_kept == 1.0
    assert kept.partials == pytest.approx(1.0)
    assert kept.periodicity > 0.9


@given(hertz=st.floats(80, 900), off=st.sampled_from([-1200, -700, -100, -60, 60, 100, 700, 1200]))
def test_another_pitch_is_not_kept(hertz: float, off: int) -> None:
    assert fidelity(note(hertz), note(hertz * 2 ** (off / 1200)), RATE).pitch_kept < 0.1


@given(hertz=st.floats(80, 900), off=st.integers(-40, 40))
def test_a_little_out_of_tune_is_kept(hertz: float, off: int) -> None:
    assert fidelity(note(hertz), note(hertz * 2 ** (off / 1200)), RATE).pitch_kept > 0.9


@given(hertz=st.floats(80, 900), seed=st.integers(0, 99))
def test_noise_with_the_envelope_of_a_note_keeps_nothing(hertz: float, seed: int) -> None:
    fall = np.exp(-2 * TIME).astype(np.float32)
    kept = fidelity(note(hertz) * fall, noise(seed) * fall, RATE)
    assert kept.voiced > 10
    assert kept.pitch_kept < 0.05
    assert abs(kept.partials) < 0.1
    assert kept.periodicity < 0.3


def test_another_timbre_keeps_the_pitch_and_fewer_partials() -> None:
    kept = fidelity(note(220), note(220, slope=3), RATE)
    assert kept.pitch_kept == 1.0
    assert 0.2 < kept.partials < 0.95


def test_noise_and_silence_have_no_pitch_to_keep() -> None:
    assert math.isnan(fidelity(noise(1), noise(2), RATE).pitch_kept)
    silent = np.zeros(RATE, np.float32)
    empty = fidelity(silent, silent, RATE)
    assert empty == Fidelity()
    assert math.isnan(empty.partials)


def test_parts_add_up_by_frames() -> None:
    good, bad = fidelity(note(220), note(220), RATE), fidelity(note(220), noise(1), RATE)
    both = total([good, bad])
    assert both.pitch_kept == pytest.approx(0.5)
    assert both.voiced == good.voiced + bad.voiced


def test_spread_of_like_sounds_is_small() -> None:
    notes = [note(hertz) for hertz in (110, 220, 700)]
    hisses = [noise(seed) for seed in range(3)]
    assert spread(hisses, RATE) < 0.2 * spread(notes, RATE)
    with pytest.raises(ValueError, match="fewer than two"):
        spread(notes[:1], RATE)


def test_measures_of_several_sounds_together() -> None:
    sources = [note(220), note(330), noise(1)]
    same = measures(sources, sources, RATE)
    assert (same.pitch_kept, same.spread) == (1.0, 1.0)
    lost = measures(sources, [noise(2), noise(3), noise(4)], RATE)
    assert lost.pitch_kept < 0.05
    assert lost.partials < 0.1
    assert lost.spread < 0.3
    assert math.isnan(same.drawn_nll)
    assert math.isnan(same.entropy)
    drawn = measures(sources, sources, RATE, Surprise(100, 250.0, 240.0))
    assert (drawn.drawn_nll, drawn.entropy) == (2.5, 2.4)
    alone = measures([noise(1)], [noise(1)], RATE)
    assert math.isnan(alone.pitch_kept)
    assert math.isnan(alone.spread)


def test_what_a_model_makes_of_a_sound_depends_on_its_name_not_on_its_neighbours() -> None:
    weights = random_weights(ODD, 1)
    model = FAMILY.model(weights, make_engine(weights, "auto", threads=1))
    sounds = [(name, noise(seed)[: 20 * ODD.hop]) for seed, name in enumerate("abc")]
    together = reconstructed(model, sounds)
    alone = reconstructed(model, sounds[1:2])
    assert [len(output) for output in together] == [20 * ODD.hop] * 3
    assert np.array_equal(together[1], alone[0])
    assert not np.array_equal(reconstructed(model, [("x", sounds[1][1])])[0], alone[0])


def test_what_a_postfilter_makes_is_heard_and_what_was_drawn_is_scored() -> None:
    plain = random_weights(ODD, 1)
    engine = make_engine(plain, "auto", threads=1)
    without = FAMILY.model(plain, engine)
    sounds = [(name, noise(seed)[: 40 * ODD.hop]) for seed, name in enumerate("ab")]
    encodings = [without.encode(audio[None])[0] for _, audio in sounds]
    fitted = FAMILY.fitted(plain, encodings, [audio for _, audio in sounds])
    model = FAMILY.model(fitted, engine)
    filtered, of_filtered = reconstructed_and_scored(model, sounds)
    drawn, of_drawn = reconstructed_and_scored(without, sounds)
    assert of_filtered == of_drawn
    for outputs, made in ((filtered, model), (drawn, without)):
        assert all(map(np.array_equal, outputs, reconstructed(made, sounds)))
    assert not np.array_equal(filtered[0], drawn[0])


def test_the_score_counts_what_there_are_no_frames_for_as_nothing() -> None:
    assert Measures(0.5, 0.9, 0.3, 1.0).score == pytest.approx(0.4)
    assert Measures(math.nan, math.nan, 0.3, math.nan).score == pytest.approx(0.15)
