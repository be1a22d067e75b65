"""The shape of a WaveNet without conditioning: NSynth's decoder alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nsynth_batch.models.quantiser import MU_LAW_NSYNTH, quantiser_named
from nsynth_batch.models.sizes import require_sizes
from nsynth_batch.models.wavenet.config import (
    QUANTA,
    SAMPLE_RATE,
    Decoder,
    check_sizes,
    shapes_of,
)

_SIZES = ("num_layers", "num_stages", "width", "skip_width", "filter_length", "sample_rate")
_MOST_STAGES = 24


@dataclass(frozen=True)
class PlainConfig(Decoder):
    """Sizes of the network, and how audio becomes its codes.

    Attributes
    ----------
    num_layers, num_stages
        Blocks, and after how many of them the dilation starts again at 1.
    width, skip_width
        Channels of the residual path and of the skip sum.
    filter_length
        Taps of the dilated convolutions, 2 or 3.
    sample_rate
        Samples a second of all audio that the model reads and writes.
    quantiser
        ``mu-law``, ``mu-law-nsynth`` or ``linear``.
    gain
        Of the linear quantiser; 1 for the others.

    Raises
    ------
    ValueError
        If a size is no such size.

    Examples
    --------
    >>> PLAIN_CONFIGS["small"].receptive_field
    5117
    """

    num_layers: int
    num_stages: int
    width: int
    skip_width: int
    filter_length: int = 2
    sample_rate: int = SAMPLE_RATE
    quantiser: str = "mu-law"
    gain: float = 1.0

    def __post_init__(self) -> None:
        check_sizes(self, _SIZES)
        if self.filter_length not in (2, 3):
            raise ValueError(f"filter_length must be 2 or 3, not {self.filter_length}")
        if self.num_stages > _MOST_STAGES:
            raise ValueError(f"num_stages must be at most {_MOST_STAGES}, not {self.num_stages}")
        quantiser_named(self.quantiser, self.gain)

    @property
    def hop(self) -> int:
        """The shortest piece of audio that it works on: a sample."""
        return 1

    def to_dict(self) -> dict[str, Any]:
        """Return the sizes by name, as they stand in a checkpoint's metadata."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PlainConfig:
        """Return the configuration that `to_dict` described.

        One that names no quantiser has NSynth's.

        Raises
        ------
        ValueError
            If a size is unknown, missing or no such size.
        """
        needed = {*_SIZES} - {"filter_length", "sample_rate"}
        require_sizes(values, cls.__dataclass_fields__, needed)
        return cls(**{"quantiser": MU_LAW_NSYNTH.name, **values})


PLAIN_CONFIGS: Mapping[str, PlainConfig] = {
    "tiny": PlainConfig(num_layers=18, num_stages=9, width=32, skip_width=64),
    "small": PlainConfig(num_layers=50, num_stages=10, width=32, skip_width=512),
    "paper": PlainConfig(num_layers=40, num_stages=10, width=64, skip_width=1024),
}
"""Sizes by name; ``small`` has those that most implementations of WaveNet come with."""


def plain_convolutions(config: PlainConfig) -> Iterator[tuple[str, int, int, int]]:
    """Yield each convolution as (name, taps, channels in, channels out), named as NSynth's are."""
    c = config
    yield "startconv", c.filter_length, 1, c.width
    yield "skip_start", 1, c.width, c.skip_width
    for i in range(1, c.num_layers + 1):
        yield f"dilatedconv_{i}", c.filter_length, c.width, 2 * c.width
        yield f"res_{i}", 1, c.width, c.width
        yield f"skip_{i}", 1, c.width, c.skip_width
    yield "out1", 1, c.skip_width, c.skip_width
    yield "logits", 1, c.skip_width, QUANTA


def plain_tensor_shapes(config: PlainConfig) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor: weights [1, taps, in, out] and biases [out]."""
    return shapes_of(plain_convolutions(config))
