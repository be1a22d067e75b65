"""What native engines share that advance many clips together, a row of each product a clip."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic

import numpy as np

from hdfs_jobs.cores import usable_cores
from nsynth_batch.models.engine import EngineUnavailableError, Needs
from nsynth_batch.models.family import ConfigT
from nsynth_batch.models.instruction_sets import usable_set
from nsynth_batch.models.machine import allowed_memory, demand_memory
from nsynth_batch.models.weights import Weights
from nsynth_batch.settings.choices import Precision
from sequencer.text import counted

CLIPS_A_THREAD = 96
"""Clips that a thread advances together: more gain nothing."""


class NativeRows(ABC, Generic[ConfigT]):
    """An engine in C++ on this machine's CPU.

    Parameters
    ----------
    weights : Weights
    threads : int, optional
        Threads a call uses; by default one for each core of this process.
    instruction_set : str, optional
        By default the fastest that the processor has.
    memory : int, optional
        Bytes that a call may allocate; by default most of what the machine has left.
    precision : str
        One of `precisions`.

    Raises
    ------
    EngineUnavailableError
        If the extension was not built, or the precision or the instruction set cannot be had.
    ValueError
        If a number is below 1.
    """

    name = "native"
    precisions: Sequence[Precision] = ("float32",)
    """What the family's network can compute in."""
    precision: Precision
    resumes: bool

    def __init__(
        self,
        weights: Weights[ConfigT],
        *,
        threads: int | None = None,
        instruction_set: str | None = None,
        memory: int | None = None,
        precision: Precision = "float32",
    ) -> None:
        for what, value in (("threads", threads), ("memory", memory)):
            if value is not None and value < 1:
                raise ValueError(f"{what} must be above 0, not {value}")
        if precision not in self.precisions:
            raise EngineUnavailableError(
                f"engine native: the family {weights.family} has the precision "
                f"{' or '.join(self.precisions)}, not {precision}"
            )
        wanted = usable_set(instruction_set)
        self.config, self.precision = weights.config, precision
        try:
            self._model = self._built(weights, wanted)
        except RuntimeError as error:
            raise EngineUnavailableError(str(error)) from None
        self.threads = threads or usable_cores()
        self.instruction_set: str = self._model.instruction_set
        self.device = f"CPU, {counted(self.threads, 'thread')}"
        self.versions = {"numpy": np.__version__}
        self._memory = memory

    def full_batch(self, samples: int) -> int:
        """Return how many clips of so many samples keep all threads busy."""
        fit = allowed_memory(self._memory) // 2 // self._bytes_of(samples)
        return max(1, min(CLIPS_A_THREAD * self.threads, fit))

    def needs(self, lengths: Sequence[int], *, resumed: bool = False) -> Needs:
        """Return what it takes to generate clips of these lengths.

        Raises
        ------
        MemoryError
            If not even one clip at a time fits.
        """
        limit, longest = allowed_memory(self._memory), max(lengths, default=0)
        batch = min(max(1, len(lengths)), CLIPS_A_THREAD * self.threads)
        fixed = self._fixed_bytes(batch) + 2 * sum(lengths)
        while batch > 1 and fixed + batch * self._bytes_of(longest) > limit:
            batch -= max(1, batch // 16)
        memory = fixed + batch * self._bytes_of(longest)
        demand_memory(f"generating {counted(batch, 'clip')} at once", memory, limit)
        return Needs(batch, memory)

    @abstractmethod
    def _built(self, weights: Weights[ConfigT], instruction_set: str) -> Any:
        """Return the network of the extension, in the engine's precision.

        Raises
        ------
        RuntimeError
            If the processor cannot run it.
        """

    @abstractmethod
    def _fixed_bytes(self, clips: int) -> int:
        """Return what a call takes for so many clips at once, however long they are."""

    @abstractmethod
    def _bytes_of(self, samples: int) -> int:
        """Return what a clip of so many samples takes while it is made."""
