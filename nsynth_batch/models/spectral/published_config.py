"""The published shape: one code for four seconds, and the tensors that it implies.

Names and shapes of tensors are those of magenta's checkpoints: nothing is renamed on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nsynth_batch.models.sizes import require_sizes
from nsynth_batch.models.spectral.config import DECODER, ENCODER, SpectralConfig

SHAPE = "published"
"""In a checkpoint's metadata, under ``shape``: what tells this shape from the one of frames."""

SPECTRA = 250
"""Of four seconds, from one that is centred on the first sample."""

COLUMNS, BINS = 256, 512
"""Of the picture that the networks see: spectra with nothing after them, and no highest bin."""

PITCHES = 128
"""MIDI numbers that have an embedding, of as many channels."""

_MOST = 1 << 16
_STEP, _WINDOW = 256, 1024


@dataclass(frozen=True)
class PublishedConfig:
    """Sizes of the published shape.

    Attributes
    ----------
    latent
        Numbers of a code.
    channels
        Of the first layer; later ones have up to eight times as many.
    pitches
        128 where the decoder is given a pitch, as magenta's is; 0 where it is not.
    iterations
        Of Griffin and Lim's algorithm, which finds phases.
    sample_rate
        Samples a second of all audio that the model reads and writes.

    Raises
    ------
    ValueError
        If a size is no whole number above 0, or pitches are neither 128 nor 0.

    Examples
    --------
    >>> config = PublishedConfig()
    >>> config.hop, config.width
    (64000, 1985)
    >>> PublishedConfig.from_dict(config.to_dict()) == config
    True
    """

    latent: int = 1984
    channels: int = 128
    pitches: int = PITCHES
    iterations: int = 32
    sample_rate: int = 16_000

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            least = 0 if name == "pitches" else 1
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _MOST:
                raise ValueError(
                    f"{name} must be a whole number from {least} to {_MOST}, not {value!r}"
                )
        if self.pitches not in (0, PITCHES):
            raise ValueError(f"pitches must be {PITCHES}, or 0 for none, not {self.pitches}")

    @property
    def hop(self) -> int:
        """Samples that a code stands for: four seconds at 16 kHz."""
        return SPECTRA * _STEP

    @property
    def width(self) -> int:
        """Numbers of an encoding: a code, and the pitch where the decoder is given one."""
        return self.latent + bool(self.pitches)

    @property
    def step(self) -> int:
        """Samples from one spectrum to the next."""
        return _STEP

    @property
    def bins(self) -> int:
        """Magnitudes of a spectrum."""
        return _WINDOW // 2 + 1

    @property
    def spectrogram(self) -> SpectralConfig:
        """How spectra are taken and phases found, as of the shape of frames."""
        return SpectralConfig(
            window=_WINDOW, step=_STEP, iterations=self.iterations, sample_rate=self.sample_rate
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the sizes by name, as they stand in a checkpoint's metadata."""
        return {"shape": SHAPE, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PublishedConfig:
        """Return the configuration that `to_dict` described.

        Raises
        ------
        ValueError
            If a size is unknown, missing or no such size.
        """
        sizes = {name: value for name, value in values.items() if name != "shape"}
        require_sizes(sizes, cls.__dataclass_fields__, cls.__dataclass_fields__)
        return cls(**sizes)


@dataclass(frozen=True)
class Layer:
    """A layer of one of the two networks: a convolution, its norm, and what bends it.

    Attributes
    ----------
    name
        In a checkpoint, without the names of its tensors.
    kernel, stride
        Over bins and over spectra.
    given, made
        Channels in and out.
    normed
        Whether a batch norm follows, in place of a bias.
    leaky
        Whether a leaky rectifier follows.
    """

    name: str
    kernel: tuple[int, int]
    stride: tuple[int, int]
    given: int
    made: int
    normed: bool = True
    leaky: bool = True


_ENCODER = (
    ("0", (5, 5), (2, 2), 1),
    ("1", (4, 4), (2, 2), 1),
    ("2", (4, 4), (2, 2), 1),
    ("3", (4, 4), (2, 2), 2),
    ("4", (4, 4), (2, 2), 2),
    ("5", (4, 4), (2, 2), 2),
    ("6", (4, 4), (2, 2), 4),
    ("7", (4, 4), (2, 2), 4),
    ("7_1", (4, 4), (2, 1), 4),
    ("8", (1, 1), (1, 1), 8),
)
_DECODER = (
    ("0", (1, 1), (1, 1), 8),
    ("1", (4, 4), (2, 2), 4),
    ("2", (4, 4), (2, 2), 4),
    ("3", (4, 4), (2, 2), 2),
    ("4", (4, 4), (2, 2), 2),
    ("5", (4, 4), (2, 2), 2),
    ("6", (4, 4), (2, 2), 1),
    ("7", (4, 4), (2, 2), 1),
    ("8", (5, 5), (2, 2), 1),
    ("8_1", (5, 5), (2, 1), 1),
)
"""Name, kernel, stride, and how many times the first layer's channels."""

EMBEDDING = "decoder/PitchEmbedding/embedding_weights"


def layers(config: PublishedConfig, part: str) -> Iterator[Layer]:
    """Yield the layers of the encoder or the decoder.

    Parameters
    ----------
    config : PublishedConfig
    part : {"encoder", "decoder"}
    """
    given = 1 if part == ENCODER else config.latent + config.pitches
    for name, kernel, stride, times in _ENCODER if part == ENCODER else _DECODER:
        made = times * config.channels
        yield Layer(f"{part}/{name}_Layer/{name}", kernel, stride, given, made)
        given = made
    if part == ENCODER:
        yield Layer("encoder/z_Layer/z", (1, 1), (1, 1), given, config.latent, leaky=False)
    else:
        yield Layer("decoder/mag_Layer/mag", (1, 1), (1, 1), given, 1, normed=False, leaky=False)


def is_transposed(layer: Layer) -> bool:
    """Return whether a layer's convolution is: the decoder's, but the one that makes magnitudes."""
    return layer.normed and layer.name.startswith(f"{DECODER}/")


def tensor_shapes(config: PublishedConfig) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor.

    Weights are [bins, spectra, in, out], of transposed convolutions [bins, spectra, out, in]. A
    norm has a shift and the moments that it was trained under, and no scale.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for part in (ENCODER, DECODER):
        for layer in layers(config, part):
            ends = (layer.given, layer.made)
            if is_transposed(layer):
                ends = ends[::-1]
            shapes[f"{layer.name}/weights"] = (*layer.kernel, *ends)
            if layer.normed:
                for name in ("beta", "moving_mean", "moving_variance"):
                    shapes[f"{layer.name}/BatchNorm/{name}"] = (layer.made,)
            else:
                shapes[f"{layer.name}/biases"] = (layer.made,)
    if config.pitches:
        shapes[EMBEDDING] = (config.pitches, PITCHES)
    return shapes
