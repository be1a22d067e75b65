"""How a model takes what it drew itself: its negative log-likelihood, beside the entropy.

The two are equal, up to chance, if the engine draws what the model predicts, whatever was learned;
the entropy alone says how unsure the model is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.code_generator import CodeGenerator
from nsynth_batch.models.model import LoadedModel
from nsynth_batch.models.quantiser import Quantiser
from nsynth_batch.models.weights import Array

MOST_SECONDS = 4.0
"""Of a clip's beginning so much is scored: logits take a kilobyte a sample."""

_PIECE = 2_048
"""Samples that are counted at once: a cache holds their logits."""


@runtime_checkable
class CodeAutoencoder(Protocol):
    """A model that draws codes under an encoding, each from those before it."""

    @property
    def hop(self) -> int:
        """Samples of a frame."""
        ...

    @property
    def quantiser(self) -> Quantiser:
        """How audio becomes the codes that it predicts."""
        ...

    def logits(self, audio: Array, encodings: Array) -> Array:
        """Return teacher-forced logits [B, T, levels] of audio [B, T] under [B, F, width]."""
        ...


@dataclass(frozen=True)
class Surprise:
    """What some clips were to the model that drew them.

    Attributes
    ----------
    samples : int
        How many were scored; 0 of a model that draws no codes.
    nll_sum : float
        Negative log-likelihood of what was drawn, teacher-forced on it, summed over them, in nats.
    entropy_sum : float
        Entropy of what it was drawn from, summed likewise.
    """

    samples: int = 0
    nll_sum: float = 0.0
    entropy_sum: float = 0.0

    def __add__(self, other: Surprise) -> Surprise:
        return Surprise(
            self.samples + other.samples,
            self.nll_sum + other.nll_sum,
            self.entropy_sum + other.entropy_sum,
        )

    @property
    def nll(self) -> float:
        """Nats a sample of what was drawn; NaN if nothing was scored."""
        return self.nll_sum / self.samples if self.samples else math.nan

    @property
    def entropy(self) -> float:
        """Nats a sample that are expected of a draw; NaN if nothing was scored."""
        return self.entropy_sum / self.samples if self.samples else math.nan


def surprise(
    model: LoadedModel,
    clip: Array,
    encoding: Array | None = None,
    *,
    temperature: float = 1.0,
    seconds: float = MOST_SECONDS,
) -> Surprise:
    """Return what a clip is to the model that drew it, by the first seconds of it.

    Parameters
    ----------
    model : LoadedModel
        A generator, or an autoencoder.
    clip : float32 [T]
        As the engine drew it: from silence, without a prime, a prompt or a postfilter.
    encoding : float32 [F, width], optional
        What it was drawn under; of an autoencoder alone.
    temperature : float
        Of the draws: likelihood and entropy are those at this temperature.
    seconds : float
        Of its beginning so much is scored.

    Returns
    -------
    Surprise
        Of no sample for a model that draws no codes.
    """
    beginning = clip[: round(seconds * model.sample_rate)]
    if encoding is None and isinstance(model, CodeGenerator):
        logits = model.logits(beginning[None])[0]
    elif encoding is not None and isinstance(model, CodeAutoencoder):
        frames = -(-len(beginning) // model.hop)
        logits = model.logits(beginning[None], encoding[None, :frames])[0]
    else:
        return Surprise()
    labels = model.quantiser.encode(beginning).astype(np.int64) - model.quantiser.lowest
    found = Surprise()
    for start in range(0, len(labels), _PIECE):
        part = slice(start, start + _PIECE)
        nll, entropy = nll_and_entropy(logits[part] / np.float32(temperature), labels[part])
        count = len(labels[part])
        found += Surprise(count, nll * count, entropy * count)
    return found


def nll_and_entropy(
    logits: npt.NDArray[np.float32], labels: npt.NDArray[np.integer]
) -> tuple[float, float]:
    """Return how surprised a model is by codes, and how surprised it expects to be.

    For what an engine drew from these very logits at temperature 1 the two are equal, up to
    chance: if they are not, the engine does not draw what the model predicts.

    Parameters
    ----------
    logits : float32 [T, codes]
        Teacher-forced on the codes.
    labels : integer [T]
        The codes, counted from 0.

    Returns
    -------
    nll, entropy : float
        Means, in nats a sample.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    odds = np.exp(shifted)
    total = odds.sum(axis=1, dtype=np.float64)
    expected = np.einsum("ij,ij->i", odds, shifted) / total
    drawn = shifted[np.arange(len(labels)), labels]
    return float((np.log(total) - drawn).mean()), float((np.log(total) - expected).mean())
