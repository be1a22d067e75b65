"""The model of this process: loaded once, shared by the items that it works on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from hdfs_jobs.errors import UsageError
from nsynth_batch.models.checkpoint import bundled_names
from nsynth_batch.models.engine import EngineName, EngineUnavailableError
from nsynth_batch.models.machine import MemoryRefusedError
from nsynth_batch.models.precision import PrecisionChoice
from nsynth_batch.models.wavenet.model import Model, default_precision, load_model
from nsynth_batch.models.weights import CheckpointError


def open_model(
    checkpoint: str,
    engine: EngineName,
    threads: int | None,
    *,
    precision: PrecisionChoice = "float32",
    instruction_set: str | None = None,
    memory: int | None = None,
) -> Model:
    """Load a model, or give the one that this process loaded before.

    Parameters
    ----------
    checkpoint, engine, precision
        As `load_model` takes them.
    threads : int or None
        How many its engine may use; none leaves it to the engine.
    instruction_set : str or None
        What the native engine is to run on; none leaves it to the engine.
    memory : int or None
        Bytes that its engine may allocate; none leaves it to the engine.

    Raises
    ------
    UsageError
        If the checkpoint or the engine cannot be had: no later attempt would have them either.
    """
    try:
        if precision == "auto":
            precision = default_precision(engine, instruction_set)
        return _load(checkpoint, engine, threads, precision, instruction_set, memory)
    except (CheckpointError, EngineUnavailableError, ValueError) as error:
        raise UsageError(str(error)) from error


@lru_cache(maxsize=1)
def _load(
    checkpoint: str,
    engine: EngineName,
    threads: int | None,
    precision: PrecisionChoice,
    instruction_set: str | None,
    memory: int | None,
) -> Model:
    options: dict[str, Any] = {}
    if instruction_set is not None:
        options["instruction_set"] = instruction_set
    return load_model(
        checkpoint, engine, threads=threads, memory=memory, precision=precision, **options
    )


def located(checkpoint: str) -> str:
    """Name a checkpoint as processes in other folders find it: bundled, or by its whole path."""
    return checkpoint if checkpoint in bundled_names() else str(Path(checkpoint).absolute())


@dataclass(frozen=True)
class ModelStage:
    """What the stages that run a model have in common.

    Attributes
    ----------
    checkpoint, engine, precision, instruction_set, memory
        The model, as `open_model` takes it: as the plan has frozen it.
    threads
        Of each worker's engine; none takes the cores of its machine over the workers there.
    """

    checkpoint: str
    engine: EngineName
    precision: PrecisionChoice = field(default="float32", kw_only=True)
    instruction_set: str | None = field(default=None, kw_only=True)
    threads: int | None = field(default=None, kw_only=True)
    memory: int | None = field(default=None, kw_only=True)

    def model(self, threads: int) -> Model:
        """Give the model in this process; `threads` are those that a task has."""
        return open_model(
            self.checkpoint,
            self.engine,
            self.threads or threads,
            precision=self.precision,
            instruction_set=self.instruction_set,
            memory=self.memory,
        )

    def facts(self, threads: int) -> dict[str, str]:
        """Say what runs the model in this process."""
        return self.model(threads).facts()


@contextmanager
def memory_is_a_setting() -> Iterator[None]:
    """Tell want of memory from bad input: another item would not fit either.

    Raises
    ------
    UsageError
        If the block raises MemoryError.
    """
    try:
        yield
    except MemoryRefusedError as error:
        raise UsageError(
            f"not enough memory for the model: {error}; use fewer workers, or lower --memory or "
            "--batch"
        ) from error
    except MemoryError as error:
        raise UsageError(
            f"not enough memory for the model: {error}; use fewer workers, a smaller --batch, or "
            "allow each more with --memory"
        ) from error
