"""The weights of a model: named float32 arrays that fit a configuration, kept as safetensors."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.open import is_remote, open_url
from sequencer.files import replacing

Array = npt.NDArray[np.float32]

FIRST_FAMILY = "nsynth"
"""The family of files that name none: of release 0.1, which knew no other."""

_LENGTH_BYTES = 8


class CheckpointError(UsageError):
    """A checkpoint cannot be used; the message is one line that names the file and the reason."""


class ModelConfig(Protocol):
    """The sizes of a model.

    Attributes
    ----------
    sample_rate
        Samples a second of all audio that it reads and writes.
    hop
        The shortest piece of audio that it works on, in samples.
    """

    @property
    def sample_rate(self) -> int:
        """Samples a second of all audio that it reads and writes."""
        ...

    @property
    def hop(self) -> int:
        """The shortest piece of audio that it works on, in samples."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return the sizes by name, as they stand in a checkpoint's metadata."""
        ...


ConfigT = TypeVar("ConfigT", bound=ModelConfig, covariant=True)


@dataclass(frozen=True)
class Weights(Generic[ConfigT]):
    """A model's tensors, with the configuration that they fit.

    Attributes
    ----------
    config : ModelConfig
        The sizes, of the family's own class.
    tensors : mapping of str to float32 arrays
        Every tensor of the configuration, no other.
    metadata : mapping of str to str
        What is known of their making (training step, source …); no part of their identity.
    family : str
        The name of the family.
    """

    config: ConfigT
    tensors: Mapping[str, Array]
    metadata: Mapping[str, str] = field(default_factory=dict)
    family: str = FIRST_FAMILY

    def digest(self) -> str:
        """Return the SHA-256 of family, configuration and tensors: a model's identity."""
        sha = hashlib.sha256(json.dumps(self.config.to_dict(), sort_keys=True).encode())
        if self.family != FIRST_FAMILY:
            sha.update(self.family.encode())
        for name in sorted(self.tensors):
            sha.update(name.encode())
            sha.update(np.ascontiguousarray(self.tensors[name], dtype="<f4").tobytes())
        return sha.hexdigest()


def fitting(
    shapes: Mapping[str, tuple[int, ...]], tensors: Mapping[str, Array], source: str
) -> dict[str, Array]:
    """Return the tensors that a model has, taken out of a mapping, in order.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        The shape that each is to have.
    tensors : mapping of str to arrays
        Those and perhaps others.
    source : str
        Where they are from, for the message.

    Raises
    ------
    CheckpointError
        Naming the first missing, misshapen or non-finite tensor.
    """
    chosen: dict[str, Array] = {}
    for name, shape in shapes.items():
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
    return chosen


def to_safetensors(weights: Weights[ModelConfig]) -> bytes:
    """Return weights as a safetensors file: family and configuration are in its metadata."""
    # Release 0.1 wrote the family as the format, and refuses files that have no such key.
    key = "format" if weights.family == FIRST_FAMILY else "family"
    metadata = {
        **weights.metadata,
        key: weights.family,
        "config": json.dumps(weights.config.to_dict(), sort_keys=True),
    }
    return safetensors_bytes(weights.tensors, metadata)


def safetensors_bytes(tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """Return tensors and metadata as a safetensors file, the same bytes for the same content.

    The library writes the metadata in an order that is drawn anew in each process.
    """
    from safetensors.numpy import save

    data = save(dict(tensors), dict(metadata))
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = dict(sorted(metadata.items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    # Tensors begin at a multiple of eight bytes, as the library has it.
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data[8 + size :]


def save_weights(weights: Weights[ModelConfig], path: Path) -> None:
    """Write weights to a safetensors file of this machine; whole and durable, or not at all.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        part.write_bytes(to_safetensors(weights))


def read_safetensors(url: str) -> tuple[dict[str, str], dict[str, Array]]:
    """Return metadata and tensors of a safetensors file.

    Parameters
    ----------
    url : str
        A path of this machine, or the URL of a file in a storage.

    Raises
    ------
    CheckpointError
        If the file is missing, cut short or of another kind.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import load

    try:
        if is_remote(url):
            with open_url(url) as stream:
                data = stream.read()
            return _metadata(data), load(data)
        with safe_open(url, framework="numpy") as stored:
            metadata = dict(stored.metadata() or {})
            return metadata, {name: stored.get_tensor(name) for name in list(stored.keys())}
    except FileNotFoundError:
        raise CheckpointError(f"{url}: no such checkpoint") from None
    except SafetensorError as error:
        raise _unreadable(url, error) from None
    except OSError as error:
        if is_remote(url):
            raise
        raise _unreadable(url, error) from None


def _unreadable(url: str, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"{url}: not a readable safetensors file ({error}); convert or fetch it again"
    )


def _metadata(data: bytes) -> dict[str, str]:
    """Return the metadata of a whole file, which the library reads from paths alone."""
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    try:
        header = json.loads(data[_LENGTH_BYTES : _LENGTH_BYTES + length])
    except ValueError:
        # The reading of the tensors says what is wrong.
        return {}
    return dict(header.get("__metadata__") or {})
