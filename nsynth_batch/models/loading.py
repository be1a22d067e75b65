"""From a spec to a model: which engine, in which precision, on which checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from hdfs_jobs.errors import UsageError
from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.engine import Engine, EngineUnavailableError
from nsynth_batch.models.family import family_named
from nsynth_batch.models.machine import MemoryRefusedError
from nsynth_batch.models.spec import ModelSpec
from nsynth_batch.models.weights import FIRST_FAMILY, ModelConfig, Weights
from nsynth_batch.settings.choices import EngineName, Precision, PrecisionChoice


def load_model(
    checkpoint: str | Path = "small",
    engine: EngineName = "auto",
    *,
    threads: int | None = None,
    memory: int | None = None,
    precision: PrecisionChoice = "float32",
    ema: bool = False,
    **options: Any,
) -> Any:
    """Load a model of any family.

    Parameters
    ----------
    checkpoint : str or Path
        A bundled name (``small``), a ``.safetensors`` file, a folder that ``train`` wrote, the
        URL of such a file or folder, or a magenta prefix (``…/model.ckpt-200000``).
    engine : str
        ``native``, ``tensorflow``, ``magenta``; ``auto`` is native where it is built, else
        tensorflow.
    threads : int, optional
        How many threads the engine may use.
    memory : int, optional
        Bytes that a call may allocate beside the weights; by default most of what the machine or
        container has left.
    precision : str
        Of the products inside the decoder's layers: ``float32``, ``bfloat16``, ``int16``,
        ``int8``, as far as the engine has them; ``auto`` is the fastest that loses little.
    ema : bool
        Take a magenta checkpoint's averaged weights.
    **options
        The engine's own, as its class names them.

    Returns
    -------
    LoadedModel
        Of the family's own class: for NSynth `nsynth_batch.nsynth.Model`.

    Raises
    ------
    CheckpointError
        If the checkpoint cannot be read or does not fit.
    EngineUnavailableError
        If the engine or the precision cannot be had here; another never takes its place.

    Examples
    --------
    >>> import numpy as np
    >>> model = load_model("small", threads=1)
    >>> encodings = model.encode(np.zeros((1, 1024), np.float32))
    >>> encodings.shape
    (1, 2, 64)
    >>> model.decode(encodings, seed=7).shape
    (1, 1024)
    """
    weights = load_checkpoint(checkpoint, ema=ema)
    runs = make_engine(
        weights, engine, threads=threads, memory=memory, precision=precision, **options
    )
    return family_named(weights.family).model(weights, runs)


@lru_cache(maxsize=1)
def open_model(spec: ModelSpec) -> Any:
    """Return the model of a spec, loaded once by this process.

    Raises
    ------
    UsageError
        If the checkpoint or the engine cannot be had: no later attempt would have them either; or
        if it is not what the spec says.
    """
    options: dict[str, Any] = {}
    if spec.instruction_set is not None and spec.engine == "native":
        options["instruction_set"] = spec.instruction_set
    model = load_model(
        spec.checkpoint,
        spec.engine,
        threads=spec.threads,
        memory=spec.memory,
        precision=spec.precision,
        **options,
    )
    for fact, value in model.facts().items():
        wanted = {"checkpoint": spec.digest, "instruction_set": spec.instruction_set}.get(fact)
        if wanted is not None and wanted != value:
            raise UsageError(
                f"{fact} of {spec.checkpoint} is {value} here, and {wanted} where it was planned"
            )
    return model


def make_engine(
    weights: Weights[ModelConfig],
    engine: EngineName,
    *,
    threads: int | None = None,
    memory: int | None = None,
    precision: PrecisionChoice = "float32",
    **options: Any,
) -> Engine:
    """Make the engine of that name for these weights.

    Raises
    ------
    EngineUnavailableError
        If it is unknown, or it or the precision cannot be had here.
    """
    family = family_named(weights.family)
    known = family.engines(weights.config)
    engine = chosen_engine(engine, known)
    if engine not in known:
        raise EngineUnavailableError(
            f"no engine is called {engine!r}: choose auto, {', '.join(known)}"
        )
    if precision == "auto":
        precision = family.default_precision(engine, options.get("instruction_set"))
    options = {**options, "threads": threads, "memory": memory, "precision": precision}
    return family.make_engine(engine, weights, options)


def chosen_engine(
    engine: EngineName, known: Sequence[EngineName] = ("native", "tensorflow")
) -> EngineName:
    """Return the engine that is meant: ``auto`` is native where it is built, else the next.

    Parameters
    ----------
    engine : str
        As it was asked for.
    known : sequence of str
        The engines of the family, the fastest first; by default NSynth's.
    """
    if engine != "auto":
        return engine
    return next(name for name in known if name != "native" or native_is_built())


def default_precision(
    engine: EngineName, instruction_set: str | None = None, family: str = FIRST_FAMILY
) -> Precision:
    """Return the precision that ``auto`` stands for on an engine.

    Raises
    ------
    EngineUnavailableError
        If the native engine is meant and was not built.
    """
    return family_named(family).default_precision(chosen_engine(engine), instruction_set)


def native_is_built() -> bool:
    """Return whether the native engine was built when the package was installed."""
    from importlib.util import find_spec

    return find_spec("nsynth_batch.native._engine") is not None


@contextmanager
def memory_errors_as_usage() -> Iterator[None]:
    """Turn a lack of memory into a matter of settings: another item would not fit either.

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
