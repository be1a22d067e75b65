"""A WaveNet without conditioning on NSynth's native engine: the same kernels, and nothing held.

The engine has decoders under an encoding. No conditioning is one whose weights are zero, computed
once in 32 samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from nsynth_batch.models.engine import (
    Codes,
    Needs,
    NotFiniteError,
    OnProgress,
    Request,
    one_curve,
)
from nsynth_batch.models.prompted import PromptedEngine
from nsynth_batch.models.quantiser import quantiser_named
from nsynth_batch.models.wavenet.config import Config, tensor_shapes
from nsynth_batch.models.wavenet.native_engine import NativeEngine
from nsynth_batch.models.wavenet.plain_config import PlainConfig
from nsynth_batch.models.weights import Array, Weights

_HOP = 32
_SILENCE = np.int16(0)


class PlainEngine(PromptedEngine):
    """The network in C++ on this machine's CPU.

    A clip goes on from its prompt, and that from silence, for at least the receptive field: the
    network has learned nothing of shorter pasts. Its bytes depend on prompt, draws, temperature,
    precision and instruction set: on nothing else, neither batch, threads, order nor interruptions.

    Parameters
    ----------
    weights : Weights
    **options
        Those of `NativeEngine`.
    """

    name = "native"

    def __init__(self, weights: Weights[PlainConfig], **options: Any) -> None:
        config = weights.config
        quantiser = quantiser_named(config.quantiser, config.gain)
        self._inner = NativeEngine(
            conditioned(weights), quantiser=quantiser, skips_at_once=True, **options
        )
        self._context = _whole(config.receptive_field)
        self.precision = self._inner.precision
        self.instruction_set = self._inner.instruction_set
        self.device = self._inner.device
        self.versions = self._inner.versions

    def full_batch(self, samples: int) -> int:
        """Return how many clips of so many samples keep all threads busy."""
        return self._inner.full_batch(self._context + _whole(samples))

    def needs(self, lengths: Sequence[int], *, resumed: bool = False) -> Needs:
        """Return what it takes to generate clips of these lengths; silence before each included.

        Raises
        ------
        MemoryError
            If it is more than the engine may allocate.
        """
        return self._inner.needs([self._context + _whole(n) for n in lengths], resumed=True)

    def logits(self, audio: Array) -> Array:
        """Return teacher-forced logits float32 [B, T, 256] of audio [B, T] after silence.

        Raises
        ------
        ValueError
            If a value is not finite.
        MemoryError
            If it needs more memory than allowed; nothing was begun then.
        """
        samples = audio.shape[1]
        after = _whole(samples) - samples
        whole = np.pad(audio, ((0, 0), (self._context, after)))
        nothing = np.zeros((len(whole), whole.shape[1] // _HOP, 1), np.float32)
        return self._inner.logits(whole, nothing)[:, self._context : self._context + samples]

    def _fill(
        self,
        requests: Sequence[Request],
        made: list[Codes],
        report: Callable[[], None] | None,
        on_progress: OnProgress | None,
    ) -> list[int]:
        prompts = [self._prompt(request) for request in requests]
        lost: list[int] = []
        for stop, temperature in _pieces(requests):
            left = [
                i
                for i, clip in enumerate(made)
                if i not in lost and len(clip) < min(stop, requests[i].length)
            ]
            if left:
                lost += self._piece(
                    requests, prompts, made, left, stop, temperature, report, on_progress
                )
        return lost

    def _piece(
        self,
        requests: Sequence[Request],
        prompts: Sequence[Codes],
        made: list[Codes],
        left: Sequence[int],
        stop: int,
        temperature: float,
        report: Callable[[], None] | None,
        on_progress: OnProgress | None,
    ) -> list[int]:
        """Make some clips up to a sample of theirs, into `made`; return those that were lost."""
        ends = [len(prompts[i]) + min(stop, requests[i].length) for i in left]
        parts = []
        for i, end in zip(left, ends, strict=True):
            whole = _whole(end)
            parts.append(
                replace(
                    requests[i],
                    length=whole,
                    conditioning=np.zeros((whole // _HOP, 1), np.float32),
                    prompt=None,
                    prefix=np.concatenate([prompts[i], made[i]]),
                    temperature=temperature,
                )
            )

        def take(codes: Sequence[Codes]) -> None:
            for i, end, clip in zip(left, ends, codes, strict=True):
                made[i] = clip[len(prompts[i]) : end]

        def pass_on(codes: Sequence[Codes]) -> None:
            take(codes)
            if report is not None:
                report()

        try:
            take(
                self._inner.generate(
                    parts,
                    on_codes=None if report is None else pass_on,
                    on_progress=on_progress,
                )
            )
        except NotFiniteError as error:
            take(error.made)
            return [left[place] for place in error.clips]
        return []

    def _prompt(self, request: Request) -> Codes:
        """Return the codes that come before a clip: silence, then its prompt, in whole frames."""
        prompt = np.zeros(0, np.int16) if request.prompt is None else request.prompt
        # What is further back than the receptive field changes nothing, and costs as much.
        prompt = prompt[-self._context :]
        silence = self._context - len(prompt)
        return np.concatenate([np.full(silence, _SILENCE), prompt]).astype(np.int16)


def conditioned(weights: Weights[PlainConfig]) -> Weights[Config]:
    """Return an NSynth model whose decoder is this network, whatever it decodes.

    Parameters
    ----------
    weights : Weights
        Of 2 or 3 taps.
    """
    own = weights.config
    config = Config(
        num_layers=own.num_layers,
        num_stages=own.num_stages,
        width=own.width,
        skip_width=own.skip_width,
        filter_length=own.filter_length,
        ae_num_layers=1,
        ae_num_stages=1,
        ae_width=1,
        ae_filter_length=3,
        ae_bottleneck=1,
        ae_hop_length=_HOP,
        sample_rate=own.sample_rate,
    )
    tensors = {name: np.zeros(shape, np.float32) for name, shape in tensor_shapes(config).items()}
    return Weights(config, {**tensors, **weights.tensors})


def _whole(samples: int) -> int:
    return -(-samples // _HOP) * _HOP


def _pieces(requests: Sequence[Request]) -> list[tuple[int, float]]:
    """Return where each stretch of one temperature ends, and that temperature.

    Raises
    ------
    ValueError
        If clips have different ones, or one is not above 0.
    """
    if not requests:
        return []
    first = one_curve(requests)
    if len(first) == 1:
        return [(max(request.length for request in requests), float(first[0]))]
    changes = [0, *(np.flatnonzero(np.diff(first)) + 1).tolist(), len(first)]
    return [(stop, float(first[start])) for start, stop in pairwise(changes)]
