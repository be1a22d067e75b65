"""Checkpoints by name or path: bundled, converted, or as magenta wrote them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from nsynth_batch.models.wavenet.config import Config, tensor_shapes
from nsynth_batch.models.weights import (
    Array,
    CheckpointError,
    Weights,
    check,
    load_weights,
    save_weights,
)

AVERAGED = "/ExponentialMovingAverage"
_MAGENTA_STAGES, _MAGENTA_HOP = 10, 512


@dataclass(frozen=True)
class Description:
    """What is inside a checkpoint.

    Attributes
    ----------
    path
        Where it lies.
    kind
        ``safetensors`` or ``magenta``.
    config
        Its sizes.
    tensors
        Shape of each tensor by name, all of them, the model's own or not.
    averaged
        Whether averaged weights are stored beside the raw ones.
    metadata
        What is known of its making.
    """

    path: str
    kind: str
    config: Config
    tensors: Mapping[str, tuple[int, ...]]
    averaged: bool
    metadata: Mapping[str, str]

    @property
    def parameters(self) -> int:
        """How many numbers the model has."""
        total = 0
        for shape in tensor_shapes(self.config).values():
            size = 1
            for length in shape:
                size *= length
            total += size
        return total


def bundled_names() -> list[str]:
    """Name the checkpoints that come with the package."""
    folder = files("nsynth_batch") / "checkpoints"
    return sorted(
        entry.name.removesuffix(".safetensors")
        for entry in folder.iterdir()
        if entry.name.endswith(".safetensors")
    )


def load_checkpoint(source: str | Path, *, ema: bool = False) -> Weights:
    """Read a checkpoint of any kind.

    Parameters
    ----------
    source : str or Path
        A bundled name, a ``.safetensors`` file, a magenta prefix, or the folder of one.
    ema : bool
        Take a magenta checkpoint's averaged weights instead of the raw ones.

    Raises
    ------
    CheckpointError
        If there is none, it is damaged, or a tensor is missing or misshapen.
    """
    path = _locate(source)
    if path.suffix == ".safetensors":
        if ema:
            raise CheckpointError(
                f"{path}: a converted checkpoint holds one set of weights; "
                "choose the averages when it is converted"
            )
        return load_weights(path)
    reader = _open_magenta(path)
    suffix = AVERAGED if ema else ""
    stored = reader.get_variable_to_shape_map()
    config = _config_of({name: tuple(shape) for name, shape in stored.items()})
    wanted = tensor_shapes(config)
    tensors: dict[str, Array] = {
        name: _read(reader, name + suffix, path) for name in wanted if name + suffix in stored
    }
    if ema and not tensors:
        raise CheckpointError(f"{path}: holds no averaged weights")
    weights = check(config, tensors, str(path))
    kind = "averaged" if ema else "raw"
    return Weights(config, weights.tensors, {"source": path.name, "weights": kind})


def inspect(source: str | Path) -> Description:
    """Say what is inside a checkpoint.

    Raises
    ------
    CheckpointError
        If there is none or it cannot be read.
    """
    path = _locate(source)
    if path.suffix == ".safetensors":
        weights = load_weights(path)
        shapes = {name: tensor.shape for name, tensor in weights.tensors.items()}
        return Description(
            str(path), "safetensors", weights.config, shapes, False, weights.metadata
        )
    stored = _open_magenta(path).get_variable_to_shape_map()
    shapes = {name: tuple(stored[name]) for name in sorted(stored)}
    averaged = any(name.endswith(AVERAGED) for name in shapes)
    return Description(str(path), "magenta", _config_of(shapes), shapes, averaged, {})


def convert(source: str | Path, target: Path, *, ema: bool = False) -> Weights:
    """Write a checkpoint as safetensors, with its configuration in the metadata.

    Raises
    ------
    CheckpointError
        If the source cannot be read, or the target is not called ``.safetensors``.
    OSError
        If the target cannot be written.
    """
    if target.suffix != ".safetensors":
        raise CheckpointError(f"{target}: a converted checkpoint is called .safetensors")
    weights = load_checkpoint(source, ema=ema)
    save_weights(weights, target)
    return weights


def _locate(source: str | Path) -> Path:
    """Find a checkpoint: a .safetensors file, or a magenta prefix whose index exists."""
    name = str(source)
    if name in bundled_names():
        return Path(str(files("nsynth_batch") / "checkpoints" / f"{name}.safetensors"))
    path = Path(name)
    if path.suffix == ".safetensors":
        if not path.is_file():
            raise CheckpointError(f"{path}: no such checkpoint")
        return path
    prefix = Path(re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", name))
    if prefix.with_name(prefix.name + ".index").is_file():
        return prefix
    if path.is_dir():
        found = sorted(path.glob("*.index"))
        if len(found) == 1:
            return found[0].with_suffix("")
        raise CheckpointError(f"{path}: holds {len(found)} checkpoints; name the one to use")
    raise CheckpointError(
        f"no checkpoint {name!r}: give a bundled name ({', '.join(bundled_names())}), "
        "a .safetensors file, or magenta's …/model.ckpt-200000"
    )


def _open_magenta(prefix: Path) -> Any:
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
    """Read a model's sizes off the shapes of its tensors.

    The length of a hop and of a cycle of dilations leave no trace in them: magenta has one of
    each. Sizes whose tensor is missing are the published ones, so that `check` names the tensor.
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
