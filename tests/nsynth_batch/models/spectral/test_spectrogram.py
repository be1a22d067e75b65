"""Spectra, and sound of spectra: one undoes the other, and phases are found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsynth_batch.models.draws import Draws
from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.spectral.phase import followed, sound_of
from nsynth_batch.models.spectral.spectrogram import (
    bin_weights,
    features,
    magnitudes,
    sound,
    spectra,
)
from nsynth_batch.models.weights import Array

CONFIG = SpectralConfig()
RNG = np.random.default_rng(5)


def chord(samples: int) -> Array:
    time = np.arange(samples) / 16_000
    tones = [0.2 * np.sin(2 * np.pi * hertz * time) for hertz in (220.0, 277.2, 329.6)]
    return np.sum(tones, axis=0).astype(np.float32)


@given(
    steps=st.integers(1, 9),
    overlap=st.sampled_from([(64, 16), (64, 32), (96, 32)]),
    seed=st.integers(0, 99),
)
def test_sound_of_its_own_spectra_is_the_sound(
    steps: int, overlap: tuple[int, int], seed: int
) -> None:
    config = SpectralConfig(window=overlap[0], step=overlap[1], steps=1)
    audio = np.random.default_rng(seed).normal(0, 0.2, steps * config.step).astype(np.float32)
    np.testing.assert_allclose(sound(config, spectra(config, audio)), audio, atol=1e-4)


def test_spectra_are_the_transform_by_its_definition() -> None:
    config = SpectralConfig(window=64, step=16, steps=1)
    audio = RNG.normal(0, 0.1, 8 * config.step)
    padded = np.pad(audio, 24)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(64) / 64)
    turns = np.exp(-2j * np.pi * np.outer(np.arange(64), np.arange(33)) / 64)
    wanted = [(padded[16 * k : 16 * k + 64] * window) @ turns for k in range(8)]
    np.testing.assert_allclose(spectra(config, audio.astype(np.float32)), wanted, atol=1e-5)


def test_phases_are_found_that_fit_each_other() -> None:
    wanted = np.abs(spectra(CONFIG, chord(20 * CONFIG.hop)))

    def error(iterations: int) -> float:
        made = sound_of(replace(CONFIG, iterations=iterations), wanted, Draws(1, "a"))
        apart = np.abs(spectra(CONFIG, made)) - wanted
        return float(np.linalg.norm(apart) / np.linalg.norm(wanted))

    assert error(8) < min(0.1, 0.9 * error(1))


def test_a_partial_turns_on_by_its_frequency() -> None:
    time = np.arange(20 * CONFIG.hop) / 16_000
    audio = np.sin(2 * np.pi * 1234.5 * time).astype(np.float32)
    found = followed(CONFIG, np.abs(spectra(CONFIG, audio)), Draws(2, "a"))
    made = sound(CONFIG, found)[2048:-2048]
    spectrum = np.abs(np.fft.rfft(made * np.hanning(len(made))))
    peak = spectrum.argmax()
    assert peak * 16_000 / len(made) == pytest.approx(1234.5, abs=3)
    near = spectrum[peak - 8 : peak + 9]
    assert np.square(near).sum() > 0.95 * np.square(spectrum).sum()


def test_silence_has_no_partials() -> None:
    assert not sound_of(CONFIG, np.zeros((4, CONFIG.bins), np.float32), Draws(1, "a")).any()


def test_features_stand_for_magnitudes_again() -> None:
    audio = chord(4 * CONFIG.hop)
    rows = features(CONFIG, audio)
    assert rows.shape == (4, CONFIG.frame)
    np.testing.assert_allclose(
        magnitudes(CONFIG, rows), np.abs(spectra(CONFIG, audio)), rtol=1e-4, atol=1e-5
    )


def test_what_no_sound_has_is_limited() -> None:
    wild = np.full((1, CONFIG.frame), 1e30, np.float32)
    assert magnitudes(CONFIG, wild).max() == pytest.approx(CONFIG.window, rel=1e-5)
    assert magnitudes(CONFIG, -wild).max() == 0


def test_errors_below_1200_hertz_weigh_most() -> None:
    weights = bin_weights(CONFIG)
    assert weights.sum() == pytest.approx(1, rel=1e-5)
    assert weights[40] == pytest.approx(4 * weights[400], rel=1e-5)


@pytest.mark.parametrize(
    "sizes", [{"width": 0}, {"window": 1000}, {"window": 256}, {"hidden": 1 << 20}, {"step": 3.0}]
)
def test_sizes_that_are_none_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must be"):
        SpectralConfig(**sizes)
