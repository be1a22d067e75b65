"""From a spec to a model: which engine, in which precision, on which checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from hdfs_jobs.errors import UsageError
from nsynth_batch.choices import EngineName, Precision, PrecisionChoice
from nsynth_batch.models.checkpoint import bundled_names, load_checkpoint
from nsynth_batch.models.engine import Engine, EngineUnavailableError
from nsynth_batch.models.machine import MemoryRefusedError
from nsynth_batch.models.precision import fastest_precision
from nsynth_batch.models.spec import ModelSpec
from nsynth_batch.models.wavenet.model import Model
from nsynth_batch.models.weights import Weights


def load_model(
    checkpoint: str | Path = "small",
    engine: EngineName = "auto",
    *,
    threads: int | None = None,
    memory: int | None = None,
    precision: PrecisionChoice = "float32",
    ema: bool = False,
    **options: Any,
) -> Model:
    """Load a model.

    Parameters
    ----------
    checkpoint : str or Path
        A bundled name (``small``), a magenta prefix (``…/model.ckpt-200000``) or a converted
        ``.safetensors``.
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
        ``int8``, as far as the engine has them; ``auto`` as `default_precision` says.
    ema : bool
        Take a magenta checkpoint's averaged weights.
    **options
        The engine's own, as its class names them.

    Returns
    -------
    Model

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
    (1, 2, 16)
    >>> model.decode(encodings, seed=7).shape
    (1, 1024)
    """
    weights = load_checkpoint(checkpoint, ema=ema)
    return Model(
        weights,
        make_engine(
            weights, engine, threads=threads, memory=memory, precision=precision, **options
        ),
    )


def open_model(spec: ModelSpec) -> Model:
    """Return the model of a spec, loaded once by this process.

    Raises
    ------
    UsageError
        If the checkpoint or the engine cannot be had: no later attempt would have them either.
    """
    if spec.precision == "auto":
        spec = replace(spec, precision=default_precision(spec.engine, spec.instruction_set))
    return _open(spec)


@lru_cache(maxsize=1)
def _open(spec: ModelSpec) -> Model:
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
    weights: Weights,
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
    engine = chosen_engine(engine)
    if precision == "auto":
        precision = default_precision(engine, options.get("instruction_set"))
    options = {**options, "threads": threads, "memory": memory, "precision": precision}
    if engine == "native":
        from nsynth_batch.models.wavenet.native_engine import NativeEngine

        return NativeEngine(weights, **options)
    if engine == "tensorflow":
        from nsynth_batch.models.wavenet.tensorflow_engine import TensorflowEngine

        return TensorflowEngine(weights, **options)
    if engine == "magenta":
        from nsynth_batch.models.wavenet.magenta_engine import MagentaEngine

        return MagentaEngine(weights, **options)
    raise EngineUnavailableError(
        f"no engine is called {engine!r}: choose auto, native, tensorflow or magenta"
    )


def chosen_engine(engine: EngineName) -> EngineName:
    """Return the engine that is meant: ``auto`` is native where it is built, else tensorflow."""
    if engine != "auto":
        return engine
    return "native" if native_is_built() else "tensorflow"


def default_precision(engine: EngineName, instruction_set: str | None = None) -> Precision:
    """Return the precision that ``auto`` stands for: on native by its table, else float32.

    Raises
    ------
    EngineUnavailableError
        If the native engine is meant and was not built.
    """
    if chosen_engine(engine) != "native":
        return "float32"
    from nsynth_batch.models.wavenet.instruction_sets import chosen_instruction_set

    return fastest_precision(chosen_instruction_set(instruction_set))


def native_is_built() -> bool:
    """Return whether the native engine was built when the package was installed."""
    from importlib.util import find_spec

    return find_spec("nsynth_batch.native._engine") is not None


def portable_name(checkpoint: str) -> str:
    """Return a name of a checkpoint that holds in any folder: a bundled one, or a whole path."""
    return checkpoint if checkpoint in bundled_names() else str(Path(checkpoint).absolute())


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
