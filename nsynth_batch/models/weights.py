"""The weights of a model: named float32 arrays that fit a configuration, kept as safetensors."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hdfs_jobs.errors import UsageError
from nsynth_batch.models.wavenet.config import Config, tensor_shapes

Array = npt.NDArray[np.float32]

_FORMAT = "nsynth"


class CheckpointError(UsageError):
    """A checkpoint cannot be used; the message is one line that names the file and the reason."""


@dataclass(frozen=True)
class Weights:
    """A model's tensors by magenta's names, with the configuration that they fit.

    Attributes
    ----------
    config : Config
    tensors : mapping of str to float32 arrays
        Every tensor of `tensor_shapes(config)`, no other.
    metadata : mapping of str to str
        What is known of their making (training step, source …); no part of their identity.
    """

    config: Config
    tensors: Mapping[str, Array]
    metadata: Mapping[str, str] = field(default_factory=dict)

    def digest(self) -> str:
        """Return the SHA-256 of configuration and tensors: the same model has the same digest."""
        sha = hashlib.sha256(json.dumps(self.config.to_dict(), sort_keys=True).encode())
        for name in sorted(self.tensors):
            sha.update(name.encode())
            sha.update(np.ascontiguousarray(self.tensors[name], dtype="<f4").tobytes())
        return sha.hexdigest()


def check(config: Config, tensors: Mapping[str, Array], source: str) -> Weights:
    """Take the tensors of a configuration out of a mapping, in order, refusing what does not fit.

    Raises
    ------
    CheckpointError
        Naming the first missing, misshapen or non-finite tensor.
    """
    chosen: dict[str, Array] = {}
    for name, shape in tensor_shapes(config).items():
        if name not in tensors:
            raise CheckpointError(f"{source}: tensor {name!r} is missing (wanted shape {shape})")
        value = np.asarray(tensors[name], dtype=np.float32)
        if value.shape != shape:
            raise CheckpointError(
                f"{source}: tensor {name!r} has shape {value.shape}, wanted {shape}"
            )
        if not np.isfinite(value).all():
            raise CheckpointError(f"{source}: tensor {name!r} holds values that are not finite")
        chosen[name] = value
    return Weights(config, chosen)


def random_weights(config: Config, seed: int) -> Weights:
    """Draw initial weights: uniform in ±sqrt(3 / fan_in), biases 0, as the published model began.

    Parameters
    ----------
    config : Config
    seed : int
        The same seed gives the same weights.
    """
    tensors: dict[str, Array] = {}
    for name, shape in tensor_shapes(config).items():
        if name.endswith("/biases"):
            tensors[name] = np.zeros(shape, np.float32)
            continue
        key = hashlib.sha256(f"{seed}\0{name}".encode()).digest()
        generator = np.random.Generator(np.random.Philox(key=np.frombuffer(key[:16], "<u8")))
        limit = np.sqrt(3.0 / (shape[1] * shape[2]))
        tensors[name] = generator.uniform(-limit, limit, shape).astype(np.float32)
    return Weights(config, tensors, {"weights": f"random, seed {seed}"})


def save_weights(weights: Weights, path: Path) -> None:
    """Write weights as safetensors, the configuration in the metadata; all or nothing.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    from safetensors.numpy import save

    metadata = {
        **weights.metadata,
        "format": _FORMAT,
        "config": json.dumps(weights.config.to_dict(), sort_keys=True),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(save(dict(weights.tensors), metadata))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load_weights(path: Path) -> Weights:
    """Read weights that `save_weights` wrote.

    Raises
    ------
    CheckpointError
        If the file is missing, cut short, of another kind, or its tensors do not fit.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as stored:
            metadata = dict(stored.metadata() or {})
            tensors = {name: stored.get_tensor(name) for name in list(stored.keys())}
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint") from None
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{path}: not a readable safetensors file ({error}); convert or fetch it again"
        ) from None
    if metadata.pop("format", None) != _FORMAT or "config" not in metadata:
        raise CheckpointError(
            f"{path}: no NSynth configuration in its metadata; make it with 'checkpoint convert'"
        )
    try:
        config = Config.from_dict(json.loads(metadata.pop("config")))
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: bad configuration in its metadata: {error}") from None
    fitting = check(config, tensors, str(path))
    return Weights(config, fitting.tensors, metadata)
