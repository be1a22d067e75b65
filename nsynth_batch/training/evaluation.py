"""How well a model predicts recordings: nats a sample, beside two baselines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.code_generator import CodeGenerator
from nsynth_batch.models.quantiser import MU_LAW_NSYNTH, Quantiser
from nsynth_batch.training.corpus import Corpus
from sequencer.audio.samples import from_int16

UNIFORM_NLL = math.log(256)
"""Nats a sample of a guess that knows nothing: ln 256 = 5.545."""

_ORDER = 24


class Scored(Protocol):
    """A model that can say how likely a recording is.

    Attributes
    ----------
    sample_rate
        Samples a second.
    hop
        The shortest piece of audio that it works on, in samples.
    quantiser
        How audio becomes the codes that it predicts.
    """

    @property
    def sample_rate(self) -> int:
        """Samples a second."""
        ...

    @property
    def hop(self) -> int:
        """The shortest piece of audio that it works on, in samples."""
        ...

    @property
    def quantiser(self) -> Quantiser:
        """How audio becomes the codes that it predicts."""
        ...

    def nll(self, audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return nats a sample of audio [B, T], T a multiple of the hop, as [B]."""
        ...


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
        Of the model, teacher-forced: an autoencoder's each piece of at most `piece_seconds` from
        silence, a generator's from what stands before it.
    linear_nll
        Of a linear predictor of order 24 fitted to this very recording.
    """

    name: str
    seconds: float
    nll: float
    linear_nll: float


def evaluate(
    model: Scored, corpus: Corpus, *, piece_seconds: float = 6.24
) -> Iterator[RecordingScore]:
    """Score each recording of a corpus that is at least a hop long.

    Parameters
    ----------
    model : a model with `nll`
    corpus : Corpus
    piece_seconds : float
        Recordings are cut to pieces of this length, as segments are.
    """
    hop = model.hop
    for name, samples in corpus.recordings():
        audio = from_int16(samples[: len(samples) // hop * hop])
        if len(audio):
            codes = model.quantiser.encode(audio)
            score = model_nll(model, audio, piece_seconds=piece_seconds)
            linear = linear_nll(codes, model.quantiser)
            yield RecordingScore(name, len(audio) / corpus.sample_rate, score, linear)


class Lossy(Protocol):
    """A model of which a loss says how well it does, and no likelihood.

    Attributes
    ----------
    hop
        The shortest piece of audio that it works on, in samples.
    """

    @property
    def hop(self) -> int:
        """The shortest piece of audio that it works on, in samples."""
        ...

    def loss(self, audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return the loss of audio [B, T], T a multiple of the hop, as [B]."""
        ...


@runtime_checkable
class Compared(Protocol):
    """A model whose loss is read beside others."""

    def beside(self, audio: npt.NDArray[np.float32]) -> Mapping[str, npt.NDArray[np.float64]]:
        """Return what the loss of audio [B, T] is compared with, by name, as [B] each."""
        ...


@dataclass(frozen=True)
class LossScore:
    """The loss of one recording.

    Attributes
    ----------
    name
        The recording.
    seconds
        How much of it was scored: all but a tail shorter than a hop.
    loss
        As the model's family counts it.
    beside
        What it is compared with, by name.
    """

    name: str
    seconds: float
    loss: float
    beside: Mapping[str, float] = field(default_factory=dict)


def evaluate_loss(model: Lossy, corpus: Corpus) -> Iterator[LossScore]:
    """Score each recording of a corpus that is at least a hop long, as a whole."""
    for name, samples in corpus.recordings():
        audio = from_int16(samples[: len(samples) // model.hop * model.hop])
        if len(audio):
            loss = float(model.loss(audio[None])[0])
            others = model.beside(audio[None]) if isinstance(model, Compared) else {}
            beside = {other: float(value[0]) for other, value in others.items()}
            yield LossScore(name, len(audio) / corpus.sample_rate, loss, beside)


def model_nll(
    model: Scored, audio: npt.NDArray[np.float32], *, piece_seconds: float = 6.24
) -> float:
    """Return nats a sample of a model, teacher-forced.

    Parameters
    ----------
    model : a model with `nll`
    audio : float32 [T], T a multiple of the hop and above 0
    piece_seconds : float
        It is cut to pieces of this length, as segments are.

    Returns
    -------
    float, in nats a sample
    """
    hop = model.hop
    piece = max(hop, int(piece_seconds * model.sample_rate) // hop * hop)
    if isinstance(model, CodeGenerator):
        piece = max(piece, model.context)
    total = 0.0
    for start in range(0, len(audio), piece):
        part = audio[None, start : start + piece]
        if isinstance(model, CodeGenerator):
            # What is predicted in a piece follows from what stands before it, too.
            given = min(start, model.context)
            before = audio[None, start - given : start + piece]
            total += float(model.nll(before, given=given)[0]) * part.shape[1]
        else:
            total += float(model.nll(part)[0]) * part.shape[1]
    return total / len(audio)


def linear_nll(codes: npt.NDArray[np.int16], quantiser: Quantiser = MU_LAW_NSYNTH) -> float:
    """Return nats a sample of a linear predictor of order 24, fitted to the codes it predicts.

    Least squares on the last 24 dequantised samples; the residual is taken for Gaussian with the
    one variance that fits it, and its mass is integrated over each mu-law bin. A thousandth of
    the mass is spread evenly over the bins, so that an outlier costs no more than 12.5 nats.

    Parameters
    ----------
    codes : int16 [T]
    quantiser : Quantiser
        Whose codes they are.

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
    edges, bins = quantiser.edges(), codes.astype(np.int64) - quantiser.lowest
    lower, upper = edges[bins], edges[bins + 1]
    mass = _normal((upper - predicted) / deviation) - _normal((lower - predicted) / deviation)
    return float(-np.log(0.999 * mass + 0.001 / quantiser.levels).mean())


def _normal(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the normal distribution's cumulative function."""
    return np.asarray([0.5 * math.erfc(-value / math.sqrt(2)) for value in x.ravel()]).reshape(
        x.shape
    )
