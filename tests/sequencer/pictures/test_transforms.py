"""The pictures' own transforms, beside librosa's."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from sequencer.pictures.rainbowgram import FILTER_SCALE
from sequencer.pictures.transforms import Notes, constant_q, mel_power
from tests.sequencer.sounds import RATE, noise, pluck

HOP = 256


@pytest.mark.parametrize("sound", ["pluck", "noise"])
def test_notes_and_their_phases_are_librosa_s(sound: str) -> None:
    samples = (pluck(2.1, 220.0) if sound == "pluck" else noise(2.1, 0.3)).astype(np.float32)
    notes = Notes(librosa.note_to_hz("C2"), 6, 40, FILTER_SCALE)
    ours = constant_q(samples, RATE, HOP, notes)
    theirs = librosa.cqt(
        samples,
        sr=RATE,
        hop_length=HOP,
        fmin=notes.lowest,
        n_bins=240,
        bins_per_octave=40,
        filter_scale=FILTER_SCALE,
    )
    assert ours.shape == theirs.shape == (240, 1 + len(samples) // HOP)
    # librosa halves the rate octave by octave, and leaves out small numbers of its filters.
    loud = np.abs(theirs) > 0.1 * np.abs(theirs).max()
    ratio = ours[loud] / theirs[loud]
    assert np.percentile(np.abs(np.abs(ratio) - 1), 99) < 0.1
    assert np.percentile(np.abs(np.angle(ratio)), 99) < 0.1


@pytest.mark.parametrize("samples", [0, 1, HOP, 5000])
def test_any_length_has_a_frame_each_hop(samples: int) -> None:
    sound = noise(1.0)[:samples].astype(np.float32)
    assert constant_q(sound, RATE, HOP, Notes(65.4, 6, 40, 0.8)).shape == (240, 1 + samples // HOP)
    assert mel_power(sound, RATE, 1024, HOP, 96, 40.0).shape == (96, 1 + samples // HOP)


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_mel_bands_are_librosa_s(rate: int) -> None:
    samples = noise(0.5, 0.3).astype(np.float32)
    ours = mel_power(samples, rate, 1024, HOP, 96, 40.0)
    theirs = librosa.feature.melspectrogram(
        y=samples, sr=rate, n_fft=1024, hop_length=HOP, n_mels=96, fmin=40.0
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * theirs.max())
