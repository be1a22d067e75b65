"""A model that predicts the code of each sample: what any of them answers, whatever its network."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.engine import Engine
from nsynth_batch.models.model import Generator, checked_audio
from nsynth_batch.models.quantiser import Quantiser, quantiser_named
from nsynth_batch.models.weights import Array, ModelConfig, Weights

WHOLE_PAST = 2**40
"""The context of a model that carries a state on: all that stands before, however long."""

Nats = npt.NDArray[np.float64]
OnWait = Callable[[], None] | None


class CodeConfig(ModelConfig, Protocol):
    """Sizes of a model, and how audio becomes its codes."""

    @property
    def quantiser(self) -> str:
        """The quantiser's name."""
        ...

    @property
    def gain(self) -> float:
        """What a linear quantiser multiplies audio by; 1 for others."""
        ...


class CodeGenerator(Generator):
    """A generator that predicts the code of each sample, and says how likely audio is.

    Attributes
    ----------
    scored_at_once : int
        Clips that are best scored together.
    """

    scored_at_once: ClassVar[int] = 4

    def __init__(self, weights: Weights[CodeConfig], engine: Engine) -> None:
        super().__init__(weights, engine)
        self._quantiser = quantiser_named(weights.config.quantiser, weights.config.gain)

    @property
    def quantiser(self) -> Quantiser:
        """How audio becomes the codes that it predicts."""
        return self._quantiser

    @property
    @abstractmethod
    def context(self) -> int:
        """How many samples before a piece of a recording change what is predicted in it."""

    def logits(self, audio: Array) -> Array:
        """Return teacher-forced logits: those of each sample from the ones before it.

        Before the first sample there was silence.

        Parameters
        ----------
        audio : floats [B, T], in [-1, 1]

        Returns
        -------
        float32 [B, T, 256]

        Raises
        ------
        ValueError
            If it is no such array.
        """
        audio = checked_audio(audio, self.sample_rate)
        if 0 in audio.shape:
            return np.zeros((*audio.shape, self.quantiser.levels), np.float32)
        return self._logits(audio)

    def nll(self, audio: Array, given: int = 0, on_wait: OnWait = None) -> Nats:
        """Return the negative log-likelihood of audio, teacher-forced.

        Parameters
        ----------
        audio : floats [B, T], in [-1, 1]
        given : int
            So many samples at its beginning are given, and not scored.
        on_wait : callable, optional
            Called now and then where it takes long: a sign of life.

        Returns
        -------
        float64 [B], in nats a sample

        Raises
        ------
        ValueError
            If it is no such array, or no sample is to be scored.
        """
        audio = checked_audio(audio, self.sample_rate)
        if not 0 <= given < audio.shape[1]:
            raise ValueError(f"audio {audio.shape} has no sample to score after {given}")
        return np.asarray(self._nats(audio, given, on_wait).mean(axis=1))

    @abstractmethod
    def _logits(self, audio: Array) -> Array:
        """Return the logits of audio float32 [B, T] that holds samples."""

    @abstractmethod
    def _nats(self, audio: Array, given: int, on_wait: OnWait) -> Nats:
        """Return the nats of each sample of audio float32 [B, T] after the given ones."""


def code_nll(
    logits: Array, codes: npt.NDArray[np.int16], quantiser: Quantiser
) -> npt.NDArray[np.float64]:
    """Return the negative log-likelihood of each code.

    Parameters
    ----------
    logits : float32 [..., levels]
    codes : int16 [...]
    quantiser : Quantiser
        Whose codes they are.

    Returns
    -------
    float64 [...], in nats
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    bins = codes.astype(np.int64) - quantiser.lowest
    chosen = np.take_along_axis(shifted, bins[..., None], axis=-1)[..., 0]
    return np.asarray(np.log(np.exp(shifted).sum(axis=-1, dtype=np.float64)) - chosen)
