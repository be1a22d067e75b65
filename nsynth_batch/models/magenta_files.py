"""Magenta's own files, which TensorFlow reads: which one is meant, and what is inside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nsynth_batch.models.weights import Array, CheckpointError

AVERAGED = "/ExponentialMovingAverage"
"""Behind the name of a tensor: its average over steps."""


def find_prefix(name: str) -> Path | None:
    """Return the prefix of a checkpoint that a name means; None where it means none.

    Parameters
    ----------
    name : str
        A prefix, one of the files that begin with it, or the folder of one checkpoint.

    Raises
    ------
    CheckpointError
        If the folder holds a few checkpoints.
    """
    prefix = Path(re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", name))
    if prefix.with_name(prefix.name + ".index").is_file():
        return prefix
    found = sorted(Path(name).glob("*.index")) if Path(name).is_dir() else []
    if len(found) > 1:
        raise CheckpointError(f"{name}: holds {len(found)} checkpoints; name the one to use")
    return found[0].with_suffix("") if found else None


def stored_shapes(prefix: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor that a checkpoint holds, by name.

    Raises
    ------
    CheckpointError
        If it cannot be read.
    """
    stored = _open(prefix).get_variable_to_shape_map()
    return {name: tuple(stored[name]) for name in sorted(stored)}


def read_tensors(prefix: Path, names: Iterable[str], suffix: str = "") -> Mapping[str, Array]:
    """Return those of some tensors that a checkpoint holds.

    Parameters
    ----------
    prefix : Path
        As `find_prefix` returns it.
    names : iterable of str
        The tensors, by the names that they get.
    suffix : str
        What stands behind each name in the checkpoint.

    Raises
    ------
    CheckpointError
        If it is damaged.
    """
    reader = _open(prefix)
    stored = reader.get_variable_to_shape_map()
    return {name: _read(reader, name + suffix, prefix) for name in names if name + suffix in stored}


def read_kind(
    prefix: Path, names: Iterable[str], *, ema: bool
) -> tuple[Mapping[str, Array], dict[str, str]]:
    """Return a checkpoint's weights of one kind, and what a model's metadata says of them.

    Parameters
    ----------
    prefix, names
        As of `read_tensors`.
    ema : bool
        Take the averaged weights instead of the raw ones.

    Raises
    ------
    CheckpointError
        If it is damaged, or has no averages that are asked for.
    """
    tensors = read_tensors(prefix, names, AVERAGED if ema else "")
    if ema and not tensors:
        raise CheckpointError(f"{prefix}: holds no averaged weights")
    return tensors, {"source": prefix.name, "weights": "averaged" if ema else "raw"}


def _open(prefix: Path) -> Any:
    try:
        import tensorflow as tf
    except ImportError:
        raise CheckpointError(
            f"{prefix}: reading magenta's own form needs TensorFlow; install it with "
            "pip install 'nsynth-batch[tensorflow]', or convert the checkpoint where it is"
        ) from None
    try:
        return tf.train.load_checkpoint(str(prefix))
    except (tf.errors.OpError, IndexError, RuntimeError, ValueError) as error:
        raise _damaged(prefix, error) from None


def _read(reader: Any, name: str, prefix: Path) -> Array:
    import tensorflow as tf

    try:
        value: Array = reader.get_tensor(name)
    except (tf.errors.OpError, IndexError, RuntimeError, ValueError) as error:
        raise _damaged(prefix, error, name) from None
    return value


def _damaged(prefix: Path, error: Exception, tensor: str = "") -> CheckpointError:
    where = f" at tensor {tensor!r}" if tensor else ""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return CheckpointError(f"{prefix}: cut short or damaged{where} ({reason}); fetch it again")
