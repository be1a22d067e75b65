"""Checkpoints as magenta wrote them, which TensorFlow reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nsynth_batch.models.wavenet.config import Config, tensor_shapes
from nsynth_batch.models.weights import Array, CheckpointError, Weights, fitting

AVERAGED = "/ExponentialMovingAverage"
_MAGENTA_STAGES, _MAGENTA_HOP = 10, 512


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


def read_magenta(prefix: Path, *, ema: bool = False) -> Weights[Config]:
    """Read a checkpoint.

    Parameters
    ----------
    prefix : Path
        As `find_prefix` returns it.
    ema : bool
        Take the averaged weights instead of the raw ones.

    Raises
    ------
    CheckpointError
        If it is damaged, or a tensor is missing or misshapen.
    """
    reader = _open(prefix)
    suffix = AVERAGED if ema else ""
    stored = reader.get_variable_to_shape_map()
    config = _config_of({name: tuple(shape) for name, shape in stored.items()})
    wanted = tensor_shapes(config)
    tensors: dict[str, Array] = {
        name: _read(reader, name + suffix, prefix) for name in wanted if name + suffix in stored
    }
    if ema and not tensors:
        raise CheckpointError(f"{prefix}: holds no averaged weights")
    kind = "averaged" if ema else "raw"
    metadata = {"source": prefix.name, "weights": kind}
    return Weights(config, fitting(wanted, tensors, str(prefix)), metadata)


def describe_magenta(prefix: Path) -> tuple[Config, dict[str, tuple[int, ...]]]:
    """Return the sizes of a checkpoint, and the shape of each tensor that it holds.

    Raises
    ------
    CheckpointError
        If it cannot be read.
    """
    stored = _open(prefix).get_variable_to_shape_map()
    shapes = {name: tuple(stored[name]) for name in sorted(stored)}
    return _config_of(shapes), shapes


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


def _config_of(shapes: Mapping[str, tuple[int, ...]]) -> Config:
    """Return a model's sizes, read off the shapes of its tensors.

    The length of a hop and of a cycle of dilations leave no trace in them: magenta has one of
    each. Sizes whose tensor is missing are the published ones, so that `fitting` names the tensor.
    """
    published = Config()

    def channels(tensor: str, axis: int, otherwise: int) -> int:
        shape = shapes.get(tensor)
        return shape[axis] if shape and len(shape) == 4 else otherwise

    def layers(name: str, otherwise: int) -> int:
        found = [re.fullmatch(rf"{name}_(\d+)/(?:W|biases)", tensor) for tensor in shapes]
        return max((int(match[1]) for match in found if match), default=otherwise)

    return Config(
        num_layers=layers("dilatedconv", published.num_layers),
        num_stages=_MAGENTA_STAGES,
        width=channels("startconv/W", 3, published.width),
        skip_width=channels("skip_start/W", 3, published.skip_width),
        ae_num_layers=layers("ae_dilatedconv", published.ae_num_layers),
        ae_num_stages=_MAGENTA_STAGES,
        ae_width=channels("ae_startconv/W", 3, published.ae_width),
        ae_bottleneck=channels("ae_bottleneck/W", 3, published.ae_bottleneck),
        ae_hop_length=_MAGENTA_HOP,
    )
