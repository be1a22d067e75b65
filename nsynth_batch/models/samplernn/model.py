"""A SampleRNN that generates from nothing, or from a prime, ready to use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.model import WHOLE_PAST, CodeGenerator, checked_audio
from nsynth_batch.models.quantiser import Quantiser, quantiser_named
from nsynth_batch.models.samplernn.config import SampleConfig
from nsynth_batch.models.samplernn.engine import SampleEngine
from nsynth_batch.models.weights import Array, Weights


class SampleModel(CodeGenerator):
    """A SampleRNN on one engine.

    A prime is gone through, teacher-forced, before a clip's first sample: seconds of it warm the
    state up.

    Attributes
    ----------
    config : SampleConfig
        Its sizes.
    engine : SampleEngine
        What runs it.
    """

    config: SampleConfig
    engine: SampleEngine
    scored_at_once = 128

    def __init__(self, weights: Weights[SampleConfig], engine: SampleEngine) -> None:
        super().__init__(weights, engine)
        self._quantiser = quantiser_named(self.config.quantiser, self.config.gain)

    @property
    def quantiser(self) -> Quantiser:
        """How audio becomes the codes that it predicts."""
        return self._quantiser

    @property
    def context(self) -> int:
        """All that stands before: the state is carried from a recording's first sample on."""
        return WHOLE_PAST

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
        return self.engine.logits(self._codes(audio))

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
            Called now and then: a sign of life.

        Returns
        -------
        float64 [B], in nats a sample

        Raises
        ------
        ValueError
            If it is no such array, or no sample is to be scored.
        """
        codes = self._codes(audio)
        if not 0 <= given < codes.shape[1]:
            raise ValueError(f"audio {codes.shape} has no sample to score after {given}")
        return np.asarray(self.engine.nats(codes, on_wait)[:, given:].mean(axis=1))

    def _codes(self, audio: Array) -> npt.NDArray[np.int16]:
        return self._quantiser.encode(checked_audio(audio, self.sample_rate))
