"""A WaveNet that generates from nothing, or from a prime, ready to use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.model import (
    CodeGenerator,
    checked_audio,
    code_nll,
)
from nsynth_batch.models.quantiser import Quantiser, quantiser_named
from nsynth_batch.models.wavenet.config import QUANTA
from nsynth_batch.models.wavenet.plain_config import PlainConfig
from nsynth_batch.models.wavenet.plain_engine import PlainEngine
from nsynth_batch.models.weights import Array, Weights


class PlainModel(CodeGenerator):
    """A WaveNet without conditioning on one engine.

    Attributes
    ----------
    config : PlainConfig
        Its sizes.
    engine : PlainEngine
        What runs it.
    """

    config: PlainConfig
    engine: PlainEngine

    def __init__(self, weights: Weights[PlainConfig], engine: PlainEngine) -> None:
        super().__init__(weights, engine)
        self._quantiser = quantiser_named(self.config.quantiser, self.config.gain)

    @property
    def quantiser(self) -> Quantiser:
        """How audio becomes the codes that it predicts."""
        return self._quantiser

    @property
    def context(self) -> int:
        """How many samples before a piece of a recording change what is predicted in it."""
        return self.config.receptive_field

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
            return np.zeros((*audio.shape, QUANTA), np.float32)
        return self.engine.logits(audio)

    def nll(
        self, audio: Array, given: int = 0, on_wait: Callable[[], None] | None = None
    ) -> npt.NDArray[np.float64]:
        """Return the negative log-likelihood of audio, teacher-forced.

        Parameters
        ----------
        audio : floats [B, T], in [-1, 1]
        given : int
            So many samples at its beginning are given, and not scored.
        on_wait : callable, optional
            Not called: it takes not long.

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
        logits = self.logits(audio)[:, given:]
        each = code_nll(logits, self.quantiser.encode(audio[:, given:]), self.quantiser)
        return np.asarray(each.mean(axis=1))
