from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nsynth_batch.models.engine import NotFiniteError
from nsynth_batch.models.loading import make_engine
from nsynth_batch.models.wavenet import postfilter
from nsynth_batch.models.wavenet.config import Config, tensor_shapes
from nsynth_batch.models.wavenet.family import FAMILY, random_weights
from nsynth_batch.models.wavenet.model import Model
from nsynth_batch.models.weights import Array, Weights
from nsynth_batch.settings.choices import EngineName
from tests.nsynth_batch.builders import ODD

FILTERED = replace(ODD, postfilter=7)
RNG = np.random.default_rng(3)
SECONDS = np.arange(16_384, dtype=np.float32) / 16_000
NOTE = sum(0.2 / k * np.sin(2 * np.pi * 250 * k * SECONDS) for k in range(1, 6)).astype(np.float32)


def model_of(weights: Weights[Config], engine: EngineName) -> Model:
    return FAMILY.model(weights, make_engine(weights, engine))


def outside(sound: Array, hertz: float) -> float:
    """Return the level of what is no multiple of a pitch, in dB of the loudest."""
    middle = sound[4096:12_288]
    levels = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    apart = np.abs(np.arange(len(levels)) * 16_000 / len(middle) / hertz % 1 - 0.5) < 0.3
    return float(20 * np.log10(levels[apart].mean() / levels.max()))


@pytest.mark.parametrize("hertz", [110.0, 440.0, 3000.0, 7900.0])
def test_a_tone_stands_in_its_band(hertz: float) -> None:
    tone = np.sin(2 * np.pi * hertz * SECONDS).astype(np.float32)
    band = postfilter.spectra(tone, 512)[8].argmax()
    assert band == pytest.approx(hertz / (8000 / 512), abs=1)


def test_silence_has_the_floor() -> None:
    found = postfilter.spectra(np.zeros((3, 4096), np.float32), 512)
    assert found.shape == (3, 8, 512)
    assert np.allclose(found, np.log(postfilter.FLOOR))


def test_hiss_between_partials_is_turned_down_and_partials_stay() -> None:
    noisy = NOTE + RNG.normal(0, 0.03, len(NOTE)).astype(np.float32)
    made = postfilter.filtered(noisy, postfilter.spectra(NOTE, 512))
    assert outside(made, 250) < outside(noisy, 250) - 15
    assert np.abs(made - NOTE)[2048:-2048].max() < 0.1


def test_a_sound_that_is_as_named_stays_as_it_is() -> None:
    made = postfilter.filtered(NOTE, postfilter.spectra(NOTE, 512))
    np.testing.assert_allclose(made, NOTE, atol=1e-5)


def test_gains_have_limits_and_what_comes_out_is_in_range() -> None:
    loud = np.full((32, 512), 9.0, np.float32)
    made = postfilter.filtered(NOTE, loud)
    assert np.isfinite(made).all()
    assert np.abs(made).max() <= 1
    assert not postfilter.filtered(np.zeros(16_384, np.float32), loud).any()


def test_a_long_clip_is_filtered_in_blocks_to_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = RNG.normal(-3, 1, (32, 512)).astype(np.float32)
    whole = postfilter.filtered(NOTE, wanted)
    monkeypatch.setattr(postfilter, "_BLOCK", 5)
    assert postfilter.filtered(NOTE, wanted).tobytes() == whole.tobytes()


def test_it_reads_spectra_that_stand_in_encodings() -> None:
    """Two notes by turns, and encodings that say which of them sounds."""
    notes = [np.sin(2 * np.pi * hertz * SECONDS).astype(np.float32) / 2 for hertz in (500, 2000)]
    which = RNG.integers(0, 2, 8)
    sounds = [notes[k][: 24 * 512] for k in which]
    encodings = [
        np.full((24, 3), k, np.float32) + RNG.normal(0, 0.05, (24, 3)).astype(np.float32)
        for k in which
    ]
    tensors = postfilter.fitted(encodings, sounds, 512)
    config = Config(ae_bottleneck=3, postfilter=postfilter.HIDDEN)
    wanted = {n: s for n, s in tensor_shapes(config).items() if n.startswith("postfilter/")}
    assert {name: value.shape for name, value in tensors.items()} == wanted
    for k, (note, band) in enumerate(zip(notes, (32, 128), strict=True)):
        read = postfilter.named(tensors, np.full((24, 3), k, np.float32))[4:-4]
        there = postfilter.spectra(note[: 24 * 512], 512)[4:-4]
        assert abs(read.argmax(axis=1) - band).max() <= 1
        assert abs(read.max(axis=1) - there.max(axis=1)).max() < 0.1
    again = postfilter.fitted(encodings, sounds, 512)
    assert all(again[name].tobytes() == value.tobytes() for name, value in tensors.items())


def test_a_channel_that_never_moves_and_a_single_frame_are_no_harm() -> None:
    encodings = [np.concatenate([RNG.normal(0, 1, (32, 2)), np.ones((32, 1))], 1, dtype=np.float32)]
    for count in (32, 1):
        tensors = postfilter.fitted([encodings[0][:count]], [NOTE[: count * 512]], 512)
        assert all(np.isfinite(value).all() for value in tensors.values())


@pytest.mark.parametrize("engine", ["native", "tensorflow"])
def test_a_model_filters_what_it_draws(engine: EngineName) -> None:
    weights = random_weights(FILTERED, 1)
    plain = {n: v for n, v in weights.tensors.items() if not n.startswith("postfilter/")}
    model, without = model_of(weights, engine), model_of(Weights(ODD, plain, {}), engine)
    encodings = RNG.normal(0, 1, (2, 3, ODD.ae_bottleneck)).astype(np.float32)
    drawn, made = without.decode(encodings, seed=2), model.decode(encodings, seed=2)
    assert np.abs(drawn - made).max() > 0.01
    for raw, whole, encoding in zip(drawn, made, encodings, strict=True):
        wanted = postfilter.named(weights.tensors, encoding)
        np.testing.assert_array_equal(whole, postfilter.filtered(raw, wanted))
    assert model.decode([encodings[0], encodings[1][:2]], seed=2)[0].tobytes() == made[0].tobytes()
    assert model.decode(encodings[:, :0], seed=2).shape == (2, 0)


def test_a_lost_clip_is_empty_and_the_others_are_filtered() -> None:
    model = model_of(random_weights(FILTERED, 1), "native")
    encodings = RNG.normal(0, 1, (2, 3, ODD.ae_bottleneck)).astype(np.float32)
    whole = model.decode(encodings, seed=2)
    encodings[0] = np.float32(3e38)
    with pytest.raises(NotFiniteError) as raised:
        model.decode(encodings, seed=2)
    assert raised.value.clips == [0]
    assert not len(raised.value.made[0])
    np.testing.assert_array_equal(raised.value.made[1], whole[1])


def test_a_model_learns_without_it_and_is_fitted_at_the_end() -> None:
    plain = random_weights(ODD, 1)
    sounds = [NOTE[: 64 * 40], NOTE[: 64 * 30]]
    encodings = [model_of(plain, "native").encode(sound[None])[0] for sound in sounds]
    whole = FAMILY.fitted(plain, encodings, sounds)
    assert whole.config == replace(ODD, postfilter=postfilter.HIDDEN)
    assert {n: v.shape for n, v in whole.tensors.items()} == tensor_shapes(whole.config)
    assert FAMILY.unfitted(whole).digest() == plain.digest() == FAMILY.unfitted(plain).digest()
    with pytest.raises(ValueError, match="no size to train with"):
        FAMILY.initial(FILTERED, 1)


def test_a_model_without_one_keeps_its_sizes_and_digest() -> None:
    assert "postfilter" not in ODD.to_dict()
    assert Config.from_dict(ODD.to_dict()) == ODD
    assert Config.from_dict(FILTERED.to_dict()) == FILTERED
    with pytest.raises(ValueError, match="postfilter must be"):
        replace(ODD, postfilter=-1)
    with pytest.raises(ValueError, match="hop of two"):
        replace(FILTERED, ae_hop_length=1)
