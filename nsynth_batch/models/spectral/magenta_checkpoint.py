"""Magenta's checkpoints of its spectral baseline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nsynth_batch.models.magenta_files import read_kind
from nsynth_batch.models.spectral.published_config import (
    EMBEDDING,
    PITCHES,
    PublishedConfig,
    tensor_shapes,
)
from nsynth_batch.models.weights import Weights, fitting

_FIRST, _CODE = "encoder/0_Layer/0/weights", "encoder/z_Layer/z/weights"


def is_baseline(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Return whether tensors of these names are of the spectral baseline."""
    return _FIRST in shapes or _CODE in shapes


def read(
    prefix: Path, shapes: Mapping[str, tuple[int, ...]], *, ema: bool
) -> Weights[PublishedConfig]:
    """Read a checkpoint.

    Parameters
    ----------
    prefix : Path
        As `find_prefix` returns it.
    shapes : mapping of str to tuple of int
        Of all tensors that it holds.
    ema : bool
        Take the averaged weights; the published training kept none.

    Raises
    ------
    CheckpointError
        If it is damaged, has no averages that are asked for, or a tensor is missing or misshapen.
    """
    config = config_of(shapes)
    wanted = tensor_shapes(config)
    tensors, metadata = read_kind(prefix, wanted, ema=ema)
    return Weights(config, fitting(wanted, tensors, str(prefix)), metadata, "spectral")


def config_of(shapes: Mapping[str, tuple[int, ...]]) -> PublishedConfig:
    """Return a model's sizes, read off the shapes of its tensors.

    Sizes whose tensor is missing are the published ones, so that `fitting` names the tensor.
    """
    published = PublishedConfig()

    def channels(tensor: str, otherwise: int) -> int:
        shape = shapes.get(tensor)
        return shape[-1] if shape and len(shape) == 4 else otherwise

    return PublishedConfig(
        latent=channels(_CODE, published.latent),
        channels=channels(_FIRST, published.channels),
        pitches=PITCHES if EMBEDDING in shapes else 0,
    )
