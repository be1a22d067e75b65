"""How well a model predicts recordings: nats a sample, beside two baselines."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsynth_batch.models import quantiser
from nsynth_batch.models.wavenet.config import QUANTA, SAMPLE_RATE
from nsynth_batch.models.wavenet.model import Model
from nsynth_batch.training.corpus import Corpus
from sequencer.audio.samples import from_int16

UNIFORM_NLL = math.log(QUANTA)
"""Nats a sample of a guess that knows nothing: ln 256 = 5.545."""

_ORDER = 24


@dataclass(frozen=True)
class RecordingScore:
    """Negative log-likelihood of one recording, in nats a sample.

    Attributes
    ----------
    name
        The recording.
    seconds
        How much of it was scored: all but a tail shorter than a hop.
    nll
        Of the model, teacher-forced, each piece of at most `piece_seconds` from silence.
    linear_nll
        Of a linear predictor of order 24 fitted to this very recording.
    """

    name: str
    seconds: float
    nll: float
    linear_nll: float


def evaluate(
    model: Model, corpus: Corpus, *, piece_seconds: float = 6.24
) -> Iterator[RecordingScore]:
    """Score each recording of a corpus that is at least a hop long.

    Parameters
    ----------
    model : Model
    corpus : Corpus
    piece_seconds : float
        Recordings are cut to pieces of this length, as segments are.
    """
    hop = model.config.ae_hop_length
    for name, samples in corpus.recordings():
        audio = from_int16(samples[: len(samples) // hop * hop])
        if len(audio):
            codes = quantiser.encode(audio)
            score = model_nll(model, audio, piece_seconds=piece_seconds)
            yield RecordingScore(name, len(audio) / SAMPLE_RATE, score, linear_nll(codes))


def model_nll(
    model: Model, audio: npt.NDArray[np.float32], *, piece_seconds: float = 6.24
) -> float:
    """Give nats a sample of a model, teacher-forced under its own encodings.

    Parameters
    ----------
    model : Model
    audio : float32 [T], T a multiple of the hop and above 0
    piece_seconds : float
        It is cut to pieces of this length, as segments are.

    Returns
    -------
    float, in nats a sample
    """
    hop = model.config.ae_hop_length
    piece = max(hop, int(piece_seconds * SAMPLE_RATE) // hop * hop)
    codes = quantiser.encode(audio)
    total = 0.0
    for start in range(0, len(audio), piece):
        part = audio[None, start : start + piece]
        logits = model.logits(part, model.encode(part))[0]
        total += float(nll(logits, codes[start : start + piece]).sum())
    return total / len(audio)


def nll(logits: npt.NDArray[np.float32], codes: npt.NDArray[np.int16]) -> npt.NDArray[np.float64]:
    """Give the negative log-likelihood of each code.

    Parameters
    ----------
    logits : float32 [T, 256]
    codes : int16 [T]

    Returns
    -------
    float64 [T], in nats
    """
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    chosen = shifted[np.arange(len(codes)), codes.astype(np.int64) - quantiser.LOWEST]
    return np.asarray(np.log(np.exp(shifted).sum(axis=-1)) - chosen)


def linear_nll(codes: npt.NDArray[np.int16]) -> float:
    """Give nats a sample of a linear predictor of order 24, fitted to the codes it predicts.

    Least squares on the last 24 dequantised samples; the residual is taken for Gaussian with the
    one variance that fits it, and its mass is integrated over each mu-law bin. A thousandth of
    the mass is spread evenly over the bins, so that an outlier costs no more than 12.5 nats.

    Parameters
    ----------
    codes : int16 [T]

    Returns
    -------
    float, in nats a sample
    """
    audio = quantiser.decode(codes).astype(np.float64)
    padded = np.concatenate([np.zeros(_ORDER), audio])
    past = np.lib.stride_tricks.sliding_window_view(padded, _ORDER)[:-1]
    ridge = 1e-9 * np.eye(_ORDER)
    weights = np.linalg.solve(past.T @ past + ridge, past.T @ audio)
    predicted = past @ weights
    deviation = max(float(np.std(audio - predicted)), 1e-6)
    lower, upper = _bin_edges(codes)
    mass = _normal((upper - predicted) / deviation) - _normal((lower - predicted) / deviation)
    return float(-np.log(0.999 * mass + 0.001 / QUANTA).mean())


def _bin_edges(
    codes: npt.NDArray[np.int16],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Give the audio values between which each code lies, open at both ends of the scale."""
    y = np.arange(quantiser.LOWEST, quantiser.HIGHEST + 2) / 128.0
    edges = np.sign(y) / quantiser.MU * ((1 + quantiser.MU) ** np.abs(y) - 1)
    edges[0], edges[-1] = -np.inf, np.inf
    index = codes.astype(np.int64) - quantiser.LOWEST
    return edges[index], edges[index + 1]


def _normal(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Give the normal distribution's cumulative function."""
    return np.asarray([0.5 * math.erfc(-value / math.sqrt(2)) for value in x.ravel()]).reshape(
        x.shape
    )
