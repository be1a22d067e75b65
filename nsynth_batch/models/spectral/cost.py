"""What a spectral autoencoder costs."""

from __future__ import annotations

import math

from nsynth_batch.models.family import Cost
from nsynth_batch.models.spectral.config import DECODER, ENCODER, SpectralConfig, layers

_FLOAT_BYTES = 4

_BETWEEN = 300
"""What a bin takes between the transforms of an iteration, as multiply-adds of their time."""


def cost(config: SpectralConfig) -> Cost:
    """Return multiply-adds a sample, and bytes of encoding."""
    transform = 1.25 * config.window * math.log2(config.window)
    spectrum = transform + _BETWEEN * config.bins
    found = config.iterations * (transform + spectrum)
    return Cost(
        encode=round(_products(config, ENCODER) / config.hop + spectrum / config.step),
        generate=round(_products(config, DECODER) / config.hop + found / config.step),
        encoding_bytes=_FLOAT_BYTES * config.width / config.hop,
    )


def _products(config: SpectralConfig, part: str) -> int:
    return sum(taps * given * made for _, taps, given, made in layers(config, part))
