from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.audio.pitch import band_levels, liftered_spectra, pitch_track

RATES = st.sampled_from([8_000, 16_000, 44_100])


def note(hertz: float, rate: int, seconds: float = 1.0) -> npt.NDArray[np.float32]:
    """A sawtooth's partials below half the rate."""
    time = np.arange(round(seconds * rate)) / rate
    partials = range(1, int(0.48 * rate / hertz) + 1)
    wave = np.sum([np.sin(2 * np.pi * hertz * k * time) / k for k in partials], axis=0)
    return (0.3 * wave).astype(np.float32)


def cents(found: npt.NDArray[np.float64], hertz: float) -> npt.NDArray[np.float64]:
    distance: npt.NDArray[np.float64] = np.abs(1200 * np.log2(found / hertz))
    return distance


@settings(max_examples=30)
@given(hertz=st.floats(62, 960), rate=RATES)
def test_a_note_is_found_to_a_quarter_of_a_semitone(hertz: float, rate: int) -> None:
    track = pitch_track(note(hertz, rate), rate)
    assert track.voiced.all()
    assert cents(track.hertz, hertz).max() < 25
    assert track.strength_at(track.hertz).min() > 0.9


@given(hertz=st.floats(100, 900), off=st.sampled_from([-200, -70, 70, 200]))
def test_a_frame_is_not_strong_at_another_pitch(hertz: float, off: int) -> None:
    track = pitch_track(note(hertz, 16_000), 16_000)
    other = np.full(len(track.hertz), hertz * 2 ** (off / 1200))
    assert track.strength_at(other).max() < 0.5


@pytest.mark.parametrize("low_pass", [1, 8, 40, 200])
def test_noise_has_no_pitch_however_dull(low_pass: int) -> None:
    noise = np.random.default_rng(low_pass).normal(0, 0.3, 32_000)
    dull = np.convolve(noise, np.hanning(low_pass + 2), "same").astype(np.float32)
    track = pitch_track(dull, 16_000)
    wanted = np.full(len(track.hertz), 220.0)
    assert np.mean(track.strength_at(wanted) > 0.5) < 0.1


def test_silence_is_neither_voiced_nor_not_a_number() -> None:
    for samples in (np.zeros(5000, np.float32), np.zeros(0, np.float32)):
        track = pitch_track(samples, 16_000)
        assert not track.voiced.any()
        assert np.isfinite(track.hertz).all()
        assert np.isfinite(liftered_spectra(samples, 16_000)).all()


@given(gain=st.floats(0.05, 1.0))
def test_partials_and_bands_do_not_follow_the_level(gain: float) -> None:
    wave = note(220, 16_000)
    assert np.allclose(band_levels(wave, 16_000), band_levels(wave * gain, 16_000), atol=0.01)
    a, b = (liftered_spectra(x, 16_000)[3] for x in (wave, wave * np.float32(gain)))
    assert np.corrcoef(a, b)[0, 1] > 0.99


def test_partials_follow_the_pitch_and_not_the_envelope() -> None:
    rng = np.random.default_rng(1)
    wave = note(220, 16_000)
    # Noise with the note's own envelope: every phase drawn anew.
    spectrum = np.fft.rfft(wave)
    shaped = np.convolve(np.abs(spectrum), np.hanning(400), "same")
    phases = np.exp(2j * np.pi * rng.random(len(spectrum)))
    noise = np.fft.irfft(shaped * phases).astype(np.float32)
    noise *= np.float32(wave.std() / noise.std())
    clean, same, other = (liftered_spectra(x, 16_000)[3] for x in (wave, wave, noise))
    assert np.corrcoef(clean, same)[0, 1] > 0.99
    assert abs(np.corrcoef(clean, other)[0, 1]) < 0.2
