"""The shape of an NSynth WaveNet autoencoder: its sizes and the tensors they imply."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from nsynth_batch.models.sizes import require_sizes

SAMPLE_RATE = 16_000
"""Samples a second of the published model, and of every model that names no other rate."""

QUANTA = 256
"""Mu-law bins, so the width of the logits."""


POSTFILTER_TAPS = 3
"""Frames around each, which its spectrum is read from."""


def check_sizes(config: Any, names: Iterable[str]) -> None:
    """Raise ValueError if one of these sizes is no whole number above 0."""
    for name in names:
        value = getattr(config, name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be a whole number above 0, not {value!r}")


class Decoder(ABC):
    """Sizes of a stack of gated, dilated convolutions, with conditioning or without.

    Attributes
    ----------
    num_layers, num_stages
        Blocks, and after how many of them the dilation starts again at 1.
    width
        Channels of the residual path.
    filter_length
        Taps of the dilated convolutions.
    """

    num_layers: int
    num_stages: int
    width: int
    filter_length: int

    @property
    @abstractmethod
    def hop(self) -> int:
        """Samples that share a frame of conditioning: the shortest piece that it works on."""

    @property
    def dilations(self) -> tuple[int, ...]:
        """Dilation of each block, in samples."""
        return tuple(2 ** (i % self.num_stages) for i in range(self.num_layers))

    @property
    def lookback(self) -> tuple[int, ...]:
        """How many samples before the newest one each block looks back, in samples."""
        return tuple((self.filter_length - 1) * dilation for dilation in self.dilations)

    @property
    def receptive_field(self) -> int:
        """How many past samples, the newest one included, an output depends on."""
        return self.filter_length + sum(self.lookback)


@dataclass(frozen=True)
class Config(Decoder):
    """Sizes of the encoder and the decoder; the defaults are the published model's.

    Attributes
    ----------
    num_layers, num_stages
        Decoder blocks, and after how many of them the dilation starts again at 1.
    width, skip_width
        Channels of the decoder's residual path and of its skip sum.
    filter_length
        Taps of the decoder's dilated convolutions.
    ae_num_layers, ae_num_stages, ae_width, ae_filter_length
        The same for the encoder.
    ae_bottleneck
        Channels of an encoding.
    ae_hop_length
        Samples a frame of an encoding stands for.
    sample_rate
        Samples a second of all audio that the model reads and writes.
    postfilter
        Hidden channels of the network that reads a frame's spectrum from its encoding, to which
        decoded sound is filtered; 0 for a model without, as the published one and any in training.

    Examples
    --------
    >>> config = CONFIGS["small"]
    >>> config.receptive_field, config.hop, config.sample_rate
    (2049, 512, 16000)
    >>> Config.from_dict(config.to_dict()) == config
    True
    """

    num_layers: int = 30
    num_stages: int = 10
    width: int = 512
    skip_width: int = 256
    filter_length: int = 3
    ae_num_layers: int = 30
    ae_num_stages: int = 10
    ae_width: int = 128
    ae_filter_length: int = 3
    ae_bottleneck: int = 16
    ae_hop_length: int = 512
    sample_rate: int = SAMPLE_RATE
    postfilter: int = 0

    def __post_init__(self) -> None:
        without = {"postfilter"} if self.postfilter == 0 else set()
        check_sizes(self, [field.name for field in fields(self) if field.name not in without])
        if self.postfilter and self.ae_hop_length < 2:
            raise ValueError("a postfilter needs a hop of two samples or more")

    @property
    def ae_dilations(self) -> tuple[int, ...]:
        """Dilation of each encoder block, in samples."""
        return tuple(2 ** (i % self.ae_num_stages) for i in range(self.ae_num_layers))

    @property
    def hop(self) -> int:
        """Samples a frame of an encoding stands for."""
        return self.ae_hop_length

    def to_dict(self) -> dict[str, int]:
        """Return the sizes by name, as they stand in a checkpoint's metadata.

        The published sample rate is left out, and the postfilter of a model that has none, so that
        a model keeps the digest it always had.
        """
        sizes = asdict(self)
        if self.sample_rate == SAMPLE_RATE:
            del sizes["sample_rate"]
        if not self.postfilter:
            del sizes["postfilter"]
        return sizes

    @classmethod
    def from_dict(cls, values: Mapping[str, int]) -> Config:
        """Return the configuration that `to_dict` described.

        Raises
        ------
        ValueError
            If a size is unknown, missing or no whole number.
        """
        known = {field.name for field in fields(cls)}
        require_sizes(values, known, known - {"sample_rate", "postfilter"})
        return cls(**values)


CONFIGS: Mapping[str, Config] = {
    "h512_bo16": Config(),
    "small": Config(
        num_layers=10,
        width=64,
        skip_width=96,
        ae_num_layers=10,
        ae_width=64,
        ae_bottleneck=64,
    ),
}
"""Sizes by name: the published model, and the one that comes with the package.

The small one says four times as much a frame: of unseen sounds' partials 16 numbers, the
principal components of their spectra, can say half, and 64 four fifths."""


def convolutions(config: Config) -> Iterator[tuple[str, int, int, int]]:
    """Yield each convolution of the model as (name, taps, channels in, channels out).

    The names are those of magenta's checkpoints, in the order of the forward pass.
    """
    c, a = config, config.ae_width
    yield "ae_startconv", c.ae_filter_length, 1, a
    for i in range(1, c.ae_num_layers + 1):
        yield f"ae_dilatedconv_{i}", c.ae_filter_length, a, a
        yield f"ae_res_{i}", 1, a, a
    yield "ae_bottleneck", 1, a, c.ae_bottleneck
    yield "startconv", c.filter_length, 1, c.width
    yield "skip_start", 1, c.width, c.skip_width
    for i in range(1, c.num_layers + 1):
        yield f"dilatedconv_{i}", c.filter_length, c.width, 2 * c.width
        yield f"cond_map_{i}", 1, c.ae_bottleneck, 2 * c.width
        yield f"res_{i}", 1, c.width, c.width
        yield f"skip_{i}", 1, c.width, c.skip_width
    yield "out1", 1, c.skip_width, c.skip_width
    yield "cond_map_out1", 1, c.ae_bottleneck, c.skip_width
    yield "logits", 1, c.skip_width, QUANTA


def tensor_shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor of a model by its name in magenta's checkpoints.

    Weights are `<name>/W` of shape [1, taps, in, out], biases `<name>/biases` of shape [out]. The
    postfilter's, which magenta has not, read a frame and its neighbours.
    """
    shapes = shapes_of(convolutions(config))
    if config.postfilter:
        taps, width, hop = POSTFILTER_TAPS, config.ae_bottleneck, config.ae_hop_length
        shapes |= shapes_of([("postfilter/hidden", taps, width, config.postfilter)])
        shapes |= shapes_of([("postfilter/bands", 1, config.postfilter, hop)])
        shapes["postfilter/linear/W"] = (1, taps, width, hop)
    return shapes


def shapes_of(layers: Iterable[tuple[str, int, int, int]]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of weights and biases of convolutions (name, taps, in, out)."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, taps, inputs, outputs in layers:
        shapes[f"{name}/W"] = (1, taps, inputs, outputs)
        shapes[f"{name}/biases"] = (outputs,)
    return shapes
