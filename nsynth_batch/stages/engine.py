"""The model of this process: loaded once, shared by the items that it works on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from hdfs_jobs.errors import UsageError
from nsynth_batch.nsynth import Model, load_model
from nsynth_batch.nsynth.checkpoint import bundled_names
from nsynth_batch.nsynth.engines import EngineName, EngineUnavailableError
from nsynth_batch.nsynth.weights import CheckpointError


@lru_cache(maxsize=1)
def open_model(checkpoint: str, engine: EngineName, threads: int | None) -> Model:
    """Load a model, or give the one that this process loaded before.

    Parameters
    ----------
    checkpoint, engine
        As `load_model` takes them.
    threads : int or None
        How many its engine may use; none leaves it to the engine.

    Raises
    ------
    UsageError
        If the checkpoint or the engine cannot be had: no later attempt would have them either.
    """
    try:
        return load_model(checkpoint, engine=engine, threads=threads)
    except (CheckpointError, EngineUnavailableError) as error:
        raise UsageError(str(error)) from error


def located(checkpoint: str) -> str:
    """Name a checkpoint as processes in other folders find it: bundled, or by its whole path."""
    return checkpoint if checkpoint in bundled_names() else str(Path(checkpoint).absolute())


@dataclass(frozen=True)
class ModelStage:
    """What the stages that run a model have in common.

    Attributes
    ----------
    checkpoint, engine
        The model, as `open_model` takes it.
    """

    checkpoint: str
    engine: EngineName

    def facts(self, threads: int) -> dict[str, str]:
        """Say what runs the model in this process."""
        return open_model(self.checkpoint, self.engine, threads).facts()


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
    except MemoryError as error:
        raise UsageError(f"not enough memory for the model: {error}; use fewer workers") from error
