"""Checkpoints by name, path or URL: bundled, converted, trained, or as magenta wrote them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from hdfs_jobs.storage.open import is_remote, open_storage
from nsynth_batch.models.family import family_named
from nsynth_batch.models.magenta_files import AVERAGED, find_prefix, stored_shapes
from nsynth_batch.models.samplernn import torch_checkpoint as samplernn
from nsynth_batch.models.spectral import magenta_checkpoint as baseline
from nsynth_batch.models.torch_file import is_torch_file
from nsynth_batch.models.wavenet import magenta_checkpoint as wavenet
from nsynth_batch.models.weights import (
    FIRST_FAMILY,
    CheckpointError,
    ModelConfig,
    Weights,
    fitting,
    read_safetensors,
    save_weights,
)

_SUFFIX = ".safetensors"

POINTER = "model.json"
"""In a model folder: which of its files are its model and the training state of that same step."""

_PLAIN_MODEL = f"model{_SUFFIX}"
"""The model of a folder without a pointer, as release 0.1 trained it."""


@dataclass(frozen=True)
class Description:
    """What is inside a checkpoint.

    Attributes
    ----------
    path
        Where it lies.
    kind
        ``safetensors`` or ``magenta``.
    family
        The family of the model.
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
    family: str
    config: ModelConfig
    tensors: Mapping[str, tuple[int, ...]]
    averaged: bool
    metadata: Mapping[str, str]

    @property
    def parameters(self) -> int:
        """How many numbers the model has."""
        shapes = family_named(self.family).tensor_shapes(self.config)
        return sum(math.prod(shape) for shape in shapes.values())


def bundled_names() -> list[str]:
    """Return the names of the checkpoints that come with the package."""
    folder = files("nsynth_batch") / "checkpoints"
    return sorted(
        entry.name.removesuffix(_SUFFIX)
        for entry in folder.iterdir()
        if entry.name.endswith(_SUFFIX)
    )


def portable_name(checkpoint: str) -> str:
    """Return a name of a checkpoint that holds in any folder: bundled, a URL, or a whole path."""
    if checkpoint in bundled_names() or is_remote(checkpoint):
        return checkpoint
    if checkpoint.startswith("file://"):
        return open_storage(checkpoint).url
    return str(Path(checkpoint).absolute())


def load_checkpoint(source: str | Path, *, ema: bool = False) -> Weights[Any]:
    """Read a checkpoint of any kind and family.

    Parameters
    ----------
    source : str or Path
        A bundled name, a ``.safetensors`` file, a folder that a training wrote, the URL of such a
        file or folder, a magenta prefix, or the folder of one.
    ema : bool
        Take a magenta checkpoint's averaged weights instead of the raw ones.

    Raises
    ------
    CheckpointError
        If there is none, it is damaged, or a tensor is missing or misshapen.
    """
    path = _locate(source)
    if isinstance(path, Path):
        shapes = stored_shapes(path)
        if baseline.is_baseline(shapes):
            return baseline.read(path, shapes, ema=ema)
        return wavenet.read(path, shapes, ema=ema)
    if ema:
        raise CheckpointError(
            f"{path}: a converted checkpoint holds one set of weights; "
            "choose the averages when it is converted"
        )
    metadata, tensors = read_safetensors(path)
    # Release 0.1 wrote the family's name as the format.
    name = metadata.pop("family", None) or metadata.pop("format", FIRST_FAMILY)
    if "config" not in metadata:
        raise CheckpointError(
            f"{path}: no model's configuration in its metadata; make it with 'checkpoint convert'"
        )
    family = family_named(name, path)
    try:
        config = family.config_from(json.loads(metadata.pop("config")))
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path}: bad configuration in its metadata: {error}") from None
    own = fitting(family.tensor_shapes(config), tensors, path)
    return Weights(config, own, metadata, name)


def inspect(source: str | Path) -> Description:
    """Return what is inside a checkpoint.

    Raises
    ------
    CheckpointError
        If there is none or it cannot be read.
    """
    path = _locate(source)
    if isinstance(path, Path):
        shapes = stored_shapes(path)
        averaged = any(name.endswith(AVERAGED) for name in shapes)
        config: ModelConfig
        if baseline.is_baseline(shapes):
            family, config = "spectral", baseline.config_of(shapes)
        else:
            family, config = FIRST_FAMILY, wavenet.config_of(shapes)
        return Description(str(path), "magenta", family, config, shapes, averaged, {})
    weights = load_checkpoint(path)
    shapes = {name: tensor.shape for name, tensor in weights.tensors.items()}
    return Description(
        path, "safetensors", weights.family, weights.config, shapes, False, weights.metadata
    )


def convert(
    source: str | Path, target: Path, *, ema: bool = False, **of_torch: Any
) -> Weights[Any]:
    """Write a checkpoint as one safetensors file, with its configuration in the metadata.

    Parameters
    ----------
    source : str or Path
        As of `load_checkpoint`; or a state dict of samplernn-pytorch.
    target : Path
    ema : bool
        As of `load_checkpoint`.
    **of_torch
        What a state dict does not say: ``frames``, ``sample_rate``, ``quantiser``.

    Raises
    ------
    CheckpointError
        If the source cannot be read, or the target is not called ``.safetensors``; or if what only
        a state dict lacks is given for another source.
    OSError
        If the target cannot be written.
    """
    if target.suffix != _SUFFIX:
        raise CheckpointError(f"{target}: a converted checkpoint is called {_SUFFIX}")
    if is_torch_file(Path(source)):
        if ema:
            raise CheckpointError(f"{source}: a state dict holds one set of weights, no averages")
        weights = samplernn.read(Path(source), **of_torch)
    elif of_torch:
        names = " and ".join(name.replace("_", " ") for name in of_torch)
        raise CheckpointError(f"{source}: a checkpoint of this kind knows its {names} itself")
    else:
        weights = load_checkpoint(source, ema=ema)
    save_weights(weights, target)
    return weights


def _locate(source: str | Path) -> str | Path:
    """Return where a checkpoint lies: a safetensors file by path or URL, or magenta's prefix."""
    name = str(source)
    if name.startswith("file://"):
        name = open_storage(name).url
    if name in bundled_names():
        return str(files("nsynth_batch") / "checkpoints" / f"{name}{_SUFFIX}")
    if name.endswith(_SUFFIX):
        if not is_remote(name) and not Path(name).is_file():
            folder = Path(name).parent
            advice = f"; give its folder, {folder}" if (folder / POINTER).is_file() else ""
            raise CheckpointError(f"{name}: no such checkpoint{advice}")
        return name
    if is_remote(name) or Path(name).is_dir():
        if (file := _model_in(name)) is not None:
            return file
        if is_remote(name):
            raise CheckpointError(f"{name}: holds no model; give a folder that train wrote")
    if (prefix := find_prefix(name)) is not None:
        return prefix
    if Path(name).is_dir():
        raise CheckpointError(f"{name}: holds 0 checkpoints; name the one to use")
    if is_torch_file(Path(name)):
        raise CheckpointError(
            f"{name}: saved by PyTorch; 'checkpoint convert' makes it a checkpoint"
        )
    raise CheckpointError(
        f"no checkpoint {name!r}: give a bundled name ({', '.join(bundled_names())}), "
        "a .safetensors file, a folder that train wrote, or magenta's …/model.ckpt-200000"
    )


def _model_in(folder: str) -> str | None:
    """Return the model's file of a folder that a training wrote; None where there is none."""
    storage = open_storage(folder)
    try:
        found = json.loads(storage.read_bytes(POINTER))["model"]
    except FileNotFoundError:
        found = _PLAIN_MODEL
        if not storage.exists(found):
            return None
    except (ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, str):
        raise CheckpointError(f"{folder}/{POINTER}: names no model; restore it")
    return f"{storage.url}/{found}"
