"""What a spectral autoencoder costs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from nsynth_batch.models.family import Cost
from nsynth_batch.models.spectral import published_config as published
from nsynth_batch.models.spectral.config import (
    DECODER,
    ENCODER,
    SpectralConfig,
    layers,
    tensor_shapes,
)

_FLOAT_BYTES = 4

_KEPT = 4
"""Outputs of a layer that are kept: of its convolution, its norm, its shift and its rectifier."""

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
        every=dict.fromkeys(tensor_shapes(config), config.hop),
    )


def published_cost(config: published.PublishedConfig) -> Cost:
    """Return the same of the published shape."""
    encode, decode = (_published_products(config, part) for part in (ENCODER, DECODER))
    spectra = cost(replace(config.spectrogram, width=1, hidden=1))
    return Cost(
        encode=round(encode / config.hop + spectra.encode),
        generate=round(decode / config.hop + spectra.generate),
        encoding_bytes=_FLOAT_BYTES * config.width / config.hop,
    )


def published_kept(config: published.PublishedConfig) -> int:
    """Return how many numbers of a crop the gradient of both networks needs, about."""
    return _KEPT * sum(
        layer.made * outputs
        for part in (ENCODER, DECODER)
        for layer, _, outputs in _places(config, part)
    )


def _published_products(config: published.PublishedConfig, part: str) -> int:
    """Return the multiply-adds of a network, each of a layer's weights at each of its places."""
    return sum(
        math.prod((*layer.kernel, layer.given, layer.made, places))
        for layer, places, _ in _places(config, part)
    )


def _places(
    config: published.PublishedConfig, part: str
) -> Iterator[tuple[published.Layer, int, int]]:
    """Yield each layer with the places that its weights are at, and those of its outputs."""
    whole = [published.BINS, published.COLUMNS]
    chain = list(published.layers(config, part))
    # The decoder is counted from its end, where its picture is whole.
    for layer in chain if part == ENCODER else reversed(chain):
        fewer = [-(-place // stride) for place, stride in zip(whole, layer.stride, strict=True)]
        yield layer, math.prod(fewer), math.prod(fewer if part == ENCODER else whole)
        whole = fewer


def _products(config: SpectralConfig, part: str) -> int:
    return sum(taps * given * made for _, taps, given, made in layers(config, part))
