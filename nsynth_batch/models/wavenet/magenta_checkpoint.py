"""Magenta's checkpoints of NSynth's WaveNet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from nsynth_batch.models.magenta_files import read_kind
from nsynth_batch.models.wavenet.config import Config, tensor_shapes
from nsynth_batch.models.weights import Weights, fitting

_MAGENTA_STAGES, _MAGENTA_HOP = 10, 512


def read(prefix: Path, shapes: Mapping[str, tuple[int, ...]], *, ema: bool) -> Weights[Config]:
    """Read a checkpoint.

    Parameters
    ----------
    prefix : Path
        As `find_prefix` returns it.
    shapes : mapping of str to tuple of int
        Of all tensors that it holds.
    ema : bool
        Take the averaged weights instead of the raw ones.

    Raises
    ------
    CheckpointError
        If it is damaged, or a tensor is missing or misshapen.
    """
    config = config_of(shapes)
    wanted = tensor_shapes(config)
    tensors, metadata = read_kind(prefix, wanted, ema=ema)
    return Weights(config, fitting(wanted, tensors, str(prefix)), metadata)


def config_of(shapes: Mapping[str, tuple[int, ...]]) -> Config:
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
