"""The shape of a spectral autoencoder: its spectrogram, its sizes and the tensors they imply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nsynth_batch.models.sizes import require_sizes

_MOST = 1 << 16
"""Of any size: more is no model that fits a machine."""


@dataclass(frozen=True)
class SpectralConfig:
    """Sizes of the spectrogram and of the two networks; the defaults are the bundled model's.

    Attributes
    ----------
    width
        Channels of an encoding.
    hidden, blocks
        Channels inside both networks, and residual blocks of each.
    window, step
        Samples of a spectrum, and from one to the next: the window is a multiple of the step.
    steps
        Spectra that share a frame of an encoding.
    iterations
        Of Griffin and Lim's algorithm, which finds phases.
    sample_rate
        Samples a second of all audio that the model reads and writes.

    Raises
    ------
    ValueError
        If a size is no whole number above 0, or the window does not overlap itself in whole steps.

    Examples
    --------
    >>> config = SPECTRAL_CONFIGS["small"]
    >>> config.hop, config.bins, config.frame
    (512, 513, 1026)
    >>> SpectralConfig.from_dict(config.to_dict()) == config
    True
    """

    width: int = 64
    hidden: int = 256
    blocks: int = 1
    window: int = 1024
    step: int = 256
    steps: int = 2
    iterations: int = 8
    sample_rate: int = 16_000

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _MOST:
                raise ValueError(f"{name} must be a whole number from 1 to {_MOST}, not {value!r}")
        if self.window % self.step or self.window < 2 * self.step or self.step % 2:
            raise ValueError(
                f"window must be at least twice the step, a multiple of it, and the step even: "
                f"not {self.window} and {self.step}"
            )

    @property
    def hop(self) -> int:
        """Samples a frame of an encoding stands for."""
        return self.step * self.steps

    @property
    def bins(self) -> int:
        """Magnitudes of a spectrum."""
        return self.window // 2 + 1

    @property
    def frame(self) -> int:
        """Magnitudes of a frame: those of its spectra."""
        return self.steps * self.bins

    def to_dict(self) -> dict[str, int]:
        """Return the sizes by name, as they stand in a checkpoint's metadata."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SpectralConfig:
        """Return the configuration that `to_dict` described.

        Raises
        ------
        ValueError
            If a size is unknown, missing or no such size.
        """
        require_sizes(values, cls.__dataclass_fields__, cls.__dataclass_fields__)
        return cls(**values)


SPECTRAL_CONFIGS: Mapping[str, SpectralConfig] = {"small": SpectralConfig()}
"""Sizes by name."""

ENCODER, DECODER = "encoder", "decoder"


def layers(config: SpectralConfig, part: str) -> Iterator[tuple[str, int, int, int]]:
    """Yield each layer of the encoder or the decoder as (name, taps, channels in, channels out).

    Both have the same form: a first layer, residual blocks of three taps, a last layer, and a
    linear one from the input to the output beside them all. The decoder's first one has three taps.

    Parameters
    ----------
    config : SpectralConfig
    part : {"encoder", "decoder"}
    """
    given, made, taps = config.frame, config.width, 1
    if part == DECODER:
        given, made, taps = made, given, 3
    yield f"{part}/first", taps, given, config.hidden
    for i in range(config.blocks):
        yield f"{part}/block_{i}", 3, config.hidden, config.hidden
    yield f"{part}/last", 1, config.hidden, made
    yield f"{part}/linear", 1, given, made


def tensor_shapes(config: SpectralConfig) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor: weights [taps, in, out] and biases [out]."""
    shapes: dict[str, tuple[int, ...]] = {}
    for part in (ENCODER, DECODER):
        for name, taps, given, made in layers(config, part):
            shapes[f"{name}/W"] = (taps, given, made)
            if not name.endswith("/linear"):
                shapes[f"{name}/biases"] = (made,)
    return shapes
