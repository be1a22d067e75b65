"""The spectrograms of the published shape: decibels below the loudest, from 0 to 1, and back."""

from __future__ import annotations

import math

import numpy as np

from nsynth_batch.models.draws import Draws
from nsynth_batch.models.spectral.phase import sound_of
from nsynth_batch.models.spectral.published_config import BINS, COLUMNS, SPECTRA, PublishedConfig
from nsynth_batch.models.spectral.spectrogram import Spectra, spectra
from nsynth_batch.models.weights import Array
from sequencer.audio.pitch import pitch_track

_RANGE_DB = 120.0
_LEAST_POWER = 1e-13
_CONCERT_A, _CONCERT_HZ = 69, 440.0

NO_PITCH = -1
"""What stands for the pitch of a sound that has none."""


def picture(config: PublishedConfig, audio: Array) -> Array:
    """Return the spectrogram that the encoder reads, float32 [512, 256].

    Spectra are centred on each step from the first sample on. Their highest bin is left out, and
    columns of 0 stand after them.

    Parameters
    ----------
    config : PublishedConfig
    audio : float32 [hop]
    """
    power = np.square(np.abs(_centred(config, audio)), dtype=np.float32)
    decibels = 10 * np.log10(np.maximum(power, _LEAST_POWER))
    decibels -= 10 * np.log10(max(power.max(), _LEAST_POWER))
    scaled = np.maximum(decibels, decibels.max() - _RANGE_DB) / _RANGE_DB + 1
    made = np.zeros((BINS, COLUMNS), np.float32)
    made[:, : len(scaled)] = scaled[:, :BINS].T
    return made


def magnitudes(config: PublishedConfig, pictures: Array) -> Array:
    """Return the magnitudes that some spectrograms stand for, one after the other.

    Parameters
    ----------
    config : PublishedConfig
    pictures : float32 [F, 512, 256]

    Returns
    -------
    float32 [F · 250 + 1, 513]
        Of which the last is centred on the end. Full scale means nothing: each picture's loudest
        is its 1.
    """
    columns = [*(one[:, :SPECTRA].T for one in pictures), pictures[-1, :, SPECTRA:][:, :1].T]
    whole = np.pad(np.concatenate(columns), ((0, 0), (0, config.bins - BINS)))
    made: Array = (10 ** ((whole - 1) * (_RANGE_DB / 20))).astype(np.float32)
    return made


def sound(config: PublishedConfig, wanted: Array, draws: Draws) -> Array:
    """Return the sound of what `magnitudes` returned, as loud as it can be.

    Parameters
    ----------
    config : PublishedConfig
    wanted : float32 [F · 250 + 1, 513]
    draws : Draws
        Of the phases that the first spectrum begins with.

    Returns
    -------
    float32 [F · hop]
    """
    before = config.step // 2
    made = sound_of(config.spectrogram, wanted, draws)[before:]
    made = made[: (len(wanted) - 1) * config.step]
    peak = np.abs(made).max()
    return made / peak if peak > 0 else made


def pitch(config: PublishedConfig, audio: Array) -> int:
    """Return the MIDI number of a sound's pitch, or `NO_PITCH`.

    Parameters
    ----------
    config : PublishedConfig
    audio : float32 [hop]
    """
    track = pitch_track(audio, config.sample_rate)
    if not track.voiced.any():
        return NO_PITCH
    hertz = float(np.median(track.hertz[track.voiced]))
    return round(_CONCERT_A + 12 * math.log2(hertz / _CONCERT_HZ))


def _centred(config: PublishedConfig, audio: Array) -> Spectra:
    """Return the spectra around each step from the first sample to the end."""
    half = config.step // 2
    return spectra(config.spectrogram, np.pad(audio, half))
