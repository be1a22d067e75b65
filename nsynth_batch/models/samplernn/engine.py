"""The network in C++ on this machine's CPU: many clips at once, sample by sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import get_args

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.engine import Codes, OnCodes, OnProgress, Request, one_curve
from nsynth_batch.models.machine import allowed_memory, demand_memory, within_allowance
from nsynth_batch.models.native_rows import NativeRows
from nsynth_batch.models.prompted import PromptedEngine
from nsynth_batch.models.samplernn.config import QUANTA, SampleConfig, layers
from nsynth_batch.models.samplernn.initial import norms
from nsynth_batch.models.weights import Array, Weights
from nsynth_batch.settings.choices import Precision
from sequencer.text import counted

_A_SAMPLE = 20
"""Bytes of a sample while it is made: its code, twice, and its draw with what that is made of."""


class SampleEngine(PromptedEngine, NativeRows[SampleConfig]):
    """The network in C++.

    The embedding and the layer over it are tables, of which a row a sample is looked up. A clip
    goes on from its prompt, and that from code 0 and the learned states. Its bytes depend on
    prompt, seed, id, temperature, precision and instruction set: on nothing else, neither batch,
    threads, order nor interruptions. The parameters are those of `NativeRows`.
    """

    precisions = get_args(Precision)

    def _built(self, weights: Weights[SampleConfig], instruction_set: str) -> object:
        from nsynth_batch.native import _engine

        config = weights.config
        sizes = {name: getattr(config, name) for name in ("hidden", "layers", "embedding")}
        return _engine.SampleModel(
            {
                **sizes,
                "frames": list(config.frames),
                "skips": config.skip,
                "reset_after": config.reset_after,
            },
            native_tensors(weights),
            instruction_set,
            self.precision,
        )

    def logits(self, codes: npt.NDArray[np.int16]) -> Array:
        """Return what is predicted of each code from those before it, teacher-forced.

        Parameters
        ----------
        codes : int16 [B, T], from -128 to 127

        Returns
        -------
        float32 [B, T, 256]

        Raises
        ------
        MemoryError
            If it needs more memory than allowed; nothing was begun then.
        """
        shape = (*codes.shape, QUANTA)
        self._demand("predicting", len(codes), 4 * int(np.prod(shape)))
        with within_allowance("predicting"):
            out = np.zeros(shape, np.float32)
            self._model.logits(_rows(codes), list(out), threads=self.threads)
        return out

    def nats(
        self, codes: npt.NDArray[np.int16], on_wait: Callable[[], None] | None = None
    ) -> npt.NDArray[np.float64]:
        """Return the negative log-likelihood of each code, teacher-forced.

        Parameters
        ----------
        codes : int16 [B, T], from -128 to 127
        on_wait : callable, optional
            Called now and then: a sign of life.

        Returns
        -------
        float64 [B, T], in nats

        Raises
        ------
        MemoryError
            If it needs more memory than allowed; nothing was begun then.
        """
        self._demand("scoring", len(codes), 8 * codes.size)
        with within_allowance("scoring"):
            out = np.zeros(codes.shape, np.float64)
            self._model.nats(_rows(codes), list(out), threads=self.threads, on_wait=on_wait)
        return out

    def _fill(
        self,
        requests: Sequence[Request],
        made: list[Codes],
        report: Callable[[], None] | None,
        on_progress: OnProgress | None,
    ) -> list[int]:
        heat = one_curve(requests)
        lengths = [_prompt_samples(request) + request.length for request in requests]
        batch, lost = self.needs(lengths, resumed=True).batch, list[int]()
        for first in range(0, len(requests), batch):

            def take(codes: Sequence[Codes], first: int = first) -> None:
                made[first : first + len(codes)] = codes
                if report is not None:
                    report()

            part = requests[first : first + batch]
            with within_allowance(f"generating {counted(len(part), 'clip')} at once"):
                lost += [first + i for i in self._advance(part, heat, take, on_progress)]
        return lost

    def _advance(
        self,
        requests: Sequence[Request],
        heat: Array,
        take: OnCodes,
        on_progress: OnProgress | None,
    ) -> list[int]:
        """Make some clips, passing on what is made of them; return the numbers of lost ones."""
        given = [_prompt_samples(request) for request in requests]
        codes = [np.zeros(n + r.length, np.int16) for n, r in zip(given, requests, strict=True)]
        done = [0 if r.prefix is None else len(r.prefix) for r in requests]
        for request, clip, prompt, prefix in zip(requests, codes, given, done, strict=True):
            if request.prompt is not None:
                clip[:prompt] = request.prompt
            if request.prefix is not None:
                clip[prompt : prompt + prefix] = request.prefix
        begins = [prompt + prefix for prompt, prefix in zip(given, done, strict=True)]
        reported = sum(begins)

        def report(ends: list[int]) -> None:
            nonlocal reported
            take([clip[n:end] for clip, n, end in zip(codes, given, ends, strict=True)])
            if on_progress is not None:
                on_progress(sum(ends) - reported)
            reported = sum(ends)

        draws = [r.draws.uniform(n, r.length - n) for r, n in zip(requests, done, strict=True)]
        lost: list[int] = self._model.generate(
            codes, begins, draws, heat, done, threads=self.threads, on_progress=report
        )
        return lost

    def _demand(self, what: str, clips: int, results: int) -> None:
        taken = self._model.memory(clips=clips, threads=self.threads, forced=True)
        demand_memory(what, results + taken, allowed_memory(self._memory))

    def _fixed_bytes(self, clips: int) -> int:
        return int(self._model.memory(clips=clips, threads=self.threads, forced=False))

    def _bytes_of(self, samples: int) -> int:
        return _A_SAMPLE * max(1, samples)


def native_tensors(weights: Weights[SampleConfig]) -> dict[str, Array]:
    """Return the tensors as the extension reads them: layers with their norms multiplied in.

    Parameters
    ----------
    weights : Weights

    Returns
    -------
    dict of str to float32
        ``…/W`` and ``…/biases`` of each matrix, and the rest as they are.
    """
    config, found = weights.config, dict(weights.tensors)
    for name in layers(config):
        directions, scale = found.pop(f"{name}/V"), found.pop(f"{name}/g")
        # In float64, whose roundings hang on no library: a clip's bytes begin here.
        factors = scale.astype(np.float64) / norms(directions)
        found[f"{name}/W"] = np.ascontiguousarray(directions * factors, np.float32)
    found["samples/biases"] = np.zeros(config.hidden, np.float32)
    for name in list(found):
        if name.endswith(("/gates/W", "/candidate/W")):
            # Most biases are added once, where the input comes in.
            none = np.zeros(found[name].shape[1], np.float32)
            found.setdefault(f"{name.removesuffix('/W')}/biases", none)
    return found


def _rows(codes: npt.NDArray[np.int16]) -> list[npt.NDArray[np.int16]]:
    return list(np.ascontiguousarray(codes, np.int16))


def _prompt_samples(request: Request) -> int:
    return 0 if request.prompt is None else len(request.prompt)
