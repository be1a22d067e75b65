"""A WaveNet that generates from nothing, or from a prime, ready to use."""

from __future__ import annotations

from nsynth_batch.models.code_generator import CodeGenerator, Nats, OnWait, code_nll
from nsynth_batch.models.wavenet.plain_config import PlainConfig
from nsynth_batch.models.wavenet.plain_engine import PlainEngine
from nsynth_batch.models.weights import Array


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

    @property
    def context(self) -> int:
        """How many samples before a piece of a recording change what is predicted in it."""
        return self.config.receptive_field

    def _logits(self, audio: Array) -> Array:
        return self.engine.logits(audio)

    def _nats(self, audio: Array, given: int, on_wait: OnWait) -> Nats:
        # What it waits for is one pass of the engine, which does not take long.
        logits = self.engine.logits(audio)[:, given:]
        return code_nll(logits, self.quantiser.encode(audio[:, given:]), self.quantiser)
