"""The engine of spectral autoencoders: a clip a thread, whatever the shape of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from hdfs_jobs.cores import usable_cores
from nsynth_batch.models.engine import (
    Codes,
    EngineUnavailableError,
    Needs,
    NotFiniteError,
    OnCodes,
    OnProgress,
    Request,
    one_temperature,
    refuse_resuming,
)
from nsynth_batch.models.inputs import checked_encodings, frames_of, require_finite
from nsynth_batch.models.machine import (
    allowed_memory,
    demand_memory,
    processor_instruction_set,
    within_allowance,
)
from nsynth_batch.models.spectral.frame_shape import FrameShape
from nsynth_batch.models.spectral.shape import AnyConfig, Shape
from nsynth_batch.models.weights import Array, Weights
from nsynth_batch.settings.choices import EngineName, Precision
from sequencer.audio.samples import to_int16
from sequencer.text import counted

Item = TypeVar("Item")
Made = TypeVar("Made")

_CLIPS_A_THREAD = 32
"""Clips of a task: enough that threads are seldom without one at its end."""

_BYTES_A_BIN = 128
"""What finding phases takes for each magnitude, about; NumPy 1 computes it in float64."""


class SpectralEngine:
    """Spectra and phases in NumPy around two networks.

    A clip is made alone, by one thread: with networks in NumPy its bytes depend on its encoding,
    its draws, NumPy and this processor's instruction set, and on nothing else, neither batch,
    threads nor order.

    Parameters
    ----------
    weights : Weights
    shape : Shape, optional
        Runs its networks; by default those of frames, in NumPy.
    name : str
        Of the engine.
    threads : int, optional
        Threads a call uses; by default one for each core of this process.
    memory : int, optional
        Bytes that a call may allocate; by default most of what the machine or container has left.
    precision : str
        ``float32``.
    instruction_set : str, optional
        The processor's; refused if it has another.
    versions : mapping of str to str
        Libraries its results depend on beside NumPy.

    Raises
    ------
    EngineUnavailableError
        If the precision or the instruction set is another.
    ValueError
        If a number is below 1.
    """

    resumes = False

    def __init__(
        self,
        weights: Weights[AnyConfig],
        *,
        shape: Shape | None = None,
        name: EngineName = "native",
        threads: int | None = None,
        memory: int | None = None,
        precision: Precision = "float32",
        instruction_set: str | None = None,
        versions: Mapping[str, str] | None = None,
    ) -> None:
        for what, value in (("threads", threads), ("memory", memory)):
            if value is not None and value < 1:
                raise ValueError(f"{what} must be above 0, not {value}")
        if precision != "float32":
            raise EngineUnavailableError(
                f"a spectral model computes in float32, not in {precision}"
            )
        here = processor_instruction_set()
        if instruction_set not in (None, "auto", here):
            raise EngineUnavailableError(
                f"a spectral model runs on this processor's {here}, not on {instruction_set}"
            )
        self.name: str = name
        self.precision: Precision = precision
        self.instruction_set = here
        self.threads = threads or usable_cores()
        self.device = f"CPU, {counted(self.threads, 'thread')}"
        self.versions = {"numpy": np.__version__, **(versions or {})}
        self.config: AnyConfig = weights.config
        self.shape: Shape = shape or FrameShape.in_numpy(weights)
        self._memory = memory

    def encode(self, audio: Array) -> Array:
        """Encode float32 audio [B, T], T a multiple of the hop, to [B, T / hop, width].

        Raises
        ------
        ValueError
            If the shape does not fit or a sample is not finite.
        MemoryError
            If it needs more memory than allowed; nothing was begun then.
        """
        clips, _ = frames_of(self.config.hop, audio)
        require_finite(audio, "audio")
        plan = self.needs([audio.shape[1]] * clips)
        with within_allowance("encoding"):
            return np.stack(list(self._each(self.shape.encode, list(audio), plan.batch)))

    def full_batch(self, samples: int) -> int:
        """Return how many clips of so many samples keep all threads busy."""
        return _CLIPS_A_THREAD * self.threads

    def needs(self, lengths: Sequence[int], *, resumed: bool = False) -> Needs:
        """Return how many clips of these lengths are made at once, and the memory that takes.

        Raises
        ------
        MemoryError
            If not even one at a time fits.
        """
        longest = max(lengths, default=0)
        kept = sum(lengths) * 2
        each = longest // self.config.step * self.config.bins * _BYTES_A_BIN
        each += self.shape.network_bytes
        allowed = allowed_memory(self._memory)
        batch = max(1, min(self.threads, len(lengths)))
        while batch > 1 and kept + batch * each > allowed:
            batch -= 1
        memory = kept + batch * each
        demand_memory(f"making {counted(batch, 'clip')} at once", memory, allowed)
        return Needs(batch, memory)

    def generate(
        self,
        requests: Sequence[Request],
        *,
        on_codes: OnCodes | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Codes]:
        """Make the samples of some clips, each with an encoding.

        Returns
        -------
        list of int16 [length]

        Raises
        ------
        ValueError
            If an encoding does not fit, the temperature is not 1, or there is a prefix or
            `on_codes`.
        MemoryError
            If it needs more memory than allowed; nothing was begun then.
        NotFiniteError
            If the network gives magnitudes that are not finite; it holds the other clips.
        """
        refuse_resuming(self.name, requests, on_codes)
        if one_temperature(requests, self.name) != 1:
            raise ValueError("a spectral model draws no samples: its temperature is 1")
        encodings = checked_encodings(self.config.width, self.config.hop, requests)
        plan = self.needs([request.length for request in requests])
        made: list[Codes] = []
        with within_allowance(f"making {counted(plan.batch, 'clip')} at once"):
            pairs = list(zip(requests, encodings, strict=True))
            for samples in self._each(lambda pair: self._clip(*pair), pairs, plan.batch):
                made.append(samples)
                if on_progress is not None:
                    on_progress(len(samples))
        if lost := [i for i, clip in enumerate(made) if len(clip) != requests[i].length]:
            raise NotFiniteError(lost, made)
        return made

    def _clip(self, request: Request, encoding: Array) -> Codes:
        """Return a clip; nothing of one whose magnitudes are not finite."""
        if not len(encoding):
            return np.zeros(0, np.int16)
        wanted = self.shape.magnitudes(encoding)
        if not np.isfinite(wanted).all():
            return np.zeros(0, np.int16)
        return to_int16(self.shape.sound(wanted, request.draws))

    def _each(
        self, make: Callable[[Item], Made], items: Sequence[Item], at_once: int
    ) -> Iterator[Made]:
        """Yield what is made of each item, in order."""
        if at_once < 2:
            yield from map(make, items)
            return
        with ThreadPoolExecutor(at_once) as pool:
            yield from pool.map(make, items)
