"""The network in C++ on this machine's CPU: clips from primes, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nsynth_batch.models.draws import Draws
from nsynth_batch.models.engine import (
    Codes,
    NotFiniteError,
    OnCodes,
    OnProgress,
    Request,
    one_curve,
    refuse_resuming,
)
from nsynth_batch.models.frame_gru.config import FrameConfig
from nsynth_batch.models.inputs import refuse_conditioning
from nsynth_batch.models.machine import allowed_memory, demand_memory, within_allowance
from nsynth_batch.models.native_rows import NativeRows
from nsynth_batch.models.weights import Array, Weights
from sequencer.audio.samples import from_int16, to_int16
from sequencer.text import counted

_A_SAMPLE = 12
"""Bytes of a sample while it is made: the number, its draw, and the sample of 16 bits."""


@dataclass(frozen=True)
class _Clip:
    """A clip under way: its frames, in units of the corpus's deviation, and its draws."""

    frames: Array
    given: int
    uniforms: Array


class FrameEngine(NativeRows[FrameConfig]):
    """The network in C++.

    A clip's bytes depend on its prompt, seed, id, length and temperature, and on the instruction
    set: on nothing else, neither batch, threads nor order. It makes hundreds of seconds in one, so
    that a killed call begins anew. The parameters are those of `NativeRows`.
    """

    resumes = False

    def _built(self, weights: Weights[FrameConfig], instruction_set: str) -> object:
        from nsynth_batch.native import _engine

        config, tensors = weights.config, dict(weights.tensors)
        for i in range(1, config.layers + 1):
            # Biases are added once, where the input comes in.
            tensors[f"gru_{i}/gates/biases"] = np.zeros(2 * config.hidden, np.float32)
            tensors[f"gru_{i}/candidate/biases"] = np.zeros(config.hidden, np.float32)
        sizes = {name: getattr(config, name) for name in ("frame", "hidden", "layers")}
        return _engine.FrameModel({**sizes, "varies": config.varies}, tensors, instruction_set)

    def heads(self, frames: Array) -> Array:
        """Return what is predicted of the frame after each, teacher-forced.

        Parameters
        ----------
        frames : float32 [B, T, F]
            In units of the corpus's deviation; the state is silent before them.

        Returns
        -------
        float32 [B, T, outputs]

        Raises
        ------
        MemoryError
            If it needs more memory than allowed; nothing was begun then.
        """
        shape = (*frames.shape[:2], self.config.outputs)
        needed = 4 * int(np.prod(shape)) + self._model.memory(threads=self.threads)
        demand_memory("predicting", needed, allowed_memory(self._memory))
        with within_allowance("predicting"):
            out = np.zeros(shape, np.float32)
            if out.size:
                whole = np.ascontiguousarray(frames)
                self._model.heads(list(whole), list(out), threads=self.threads)
        return out

    def generate(
        self,
        requests: Sequence[Request],
        *,
        on_codes: OnCodes | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Codes]:
        """Make the samples of some clips.

        Parameters
        ----------
        requests : sequence of Request
            Their prompts are samples of 16 bits, of whole frames; without one a clip goes on from a
            frame of silence, or from noise where nothing else would tell clips apart.
        on_codes : callable, optional
            Refused: see `resumes`.
        on_progress : callable, optional
            Called with the samples made since the last call.

        Returns
        -------
        list of int16 [length], samples

        Raises
        ------
        ValueError
            If a request has a conditioning or a prefix, a prompt is of no whole frames, or clips
            have other temperatures.
        MemoryError
            If it needs more memory than allowed; nothing was begun then.
        NotFiniteError
            If the network gave numbers that are not finite for some clips; it holds the others.
        """
        refuse_resuming(self.name, requests, on_codes)
        heat = one_curve(requests)
        batch = self.needs([request.length for request in requests]).batch
        made: list[Codes] = []
        lost: list[int] = []
        for first in range(0, len(requests), batch):
            part = requests[first : first + batch]
            with within_allowance(f"generating {counted(len(part), 'clip')} at once"):
                clips = [self._begun(request) for request in part]
                lost += [first + i for i in self._advance(clips, heat, on_progress)]
                for request, clip in zip(part, clips, strict=True):
                    after = clip.frames[clip.given :].reshape(-1)[: request.length]
                    made.append(to_int16(after / np.float32(self.config.gain)))
        if lost:
            raise NotFiniteError(lost, made)
        return made

    def _advance(
        self, clips: Sequence[_Clip], heat: Array, on_progress: OnProgress | None
    ) -> list[int]:
        """Make the frames of some clips; return the numbers of those that are lost."""
        config, reported = self.config, 0
        if len(heat) > 1:
            # The last frame may go beyond the clip.
            heat = np.pad(heat, (0, -len(heat) % config.frame), mode="edge")

        def report(frames: int) -> None:
            nonlocal reported
            if on_progress is not None:
                on_progress((frames - reported) * config.frame)
            reported = frames

        lost: list[int] = self._model.generate(
            [clip.frames for clip in clips],
            [clip.given for clip in clips],
            [clip.uniforms for clip in clips] if config.varies else [],
            heat,
            window=config.sequence if config.past == "window" else 0,
            limit=config.gain,
            threads=self.threads,
            on_progress=None if on_progress is None else report,
        )
        return lost

    def _begun(self, request: Request) -> _Clip:
        frame, config = self.config.frame, self.config
        count = -(-request.length // frame)
        prompt = self._prompt(request)
        frames = np.zeros((len(prompt) + count, frame), np.float32)
        frames[: len(prompt)] = prompt
        drawn = count * frame if config.varies else 0
        return _Clip(frames, len(prompt), request.draws.uniform(0, drawn))

    def _prompt(self, request: Request) -> Array:
        """Return the frames that a clip goes on from, in units of the corpus's deviation."""
        frame = self.config.frame
        refuse_conditioning([request])
        if request.prompt is not None and len(request.prompt):
            if len(request.prompt) % frame:
                raise ValueError(
                    f"prompt {request.id!r} of {len(request.prompt)} samples is no whole number of "
                    f"frames of {frame}"
                )
            prompt = from_int16(request.prompt) * np.float32(self.config.gain)
            return np.asarray(prompt.reshape(-1, frame), np.float32)
        if self.config.varies:
            return np.zeros((1, frame), np.float32)
        return np.stack(list(self._noise(request)))

    def _noise(self, request: Request) -> Iterator[Array]:
        """Yield a sequence of even noise as loud as the corpus.

        A mean draws nothing: from silence all clips would be one.
        """
        draws = Draws(request.seed, f"begin {request.id}")
        frame, loudness = self.config.frame, np.float32(3**0.5)
        for i in range(self.config.sequence):
            yield (2 * draws.uniform(i * frame, frame) - 1) * loudness

    def _fixed_bytes(self, clips: int) -> int:
        return int(self._model.memory(threads=self.threads))

    def _bytes_of(self, samples: int) -> int:
        return _A_SAMPLE * (samples + self.config.sequence_samples + self.config.frame)
