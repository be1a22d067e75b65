"""A SampleRNN that generates from nothing, or from a prime, ready to use."""

from __future__ import annotations

from nsynth_batch.models.code_generator import WHOLE_PAST, CodeGenerator, Nats, OnWait
from nsynth_batch.models.samplernn.config import SampleConfig
from nsynth_batch.models.samplernn.engine import SampleEngine
from nsynth_batch.models.weights import Array


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

    @property
    def context(self) -> int:
        """All that stands before: the state is carried from a recording's first sample on."""
        return WHOLE_PAST

    def _logits(self, audio: Array) -> Array:
        return self.engine.logits(self.quantiser.encode(audio))

    def _nats(self, audio: Array, given: int, on_wait: OnWait) -> Nats:
        return self.engine.nats(self.quantiser.encode(audio), on_wait)[:, given:]
