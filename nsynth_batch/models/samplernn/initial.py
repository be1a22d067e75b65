"""What a SampleRNN's tensors begin with."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.draws import generator
from nsynth_batch.models.samplernn.config import SampleConfig, tensor_shapes
from nsynth_batch.models.weights import Array

_RECTIFIED = ("samples", "hidden")
"""Layers before a rectifier, whose weights begin larger (He et al. 2015)."""


def initial_tensors(config: SampleConfig, seed: int) -> dict[str, Array]:
    """Draw weights; the same seed gives the same tensors.

    Uniform by the number of inputs, a candidate's recurrent ones orthogonal, an embedding normal;
    norms are those of the directions; biases and first states are 0.
    """
    tensors: dict[str, Array] = {}
    for name, shape in tensor_shapes(config).items():
        layer, _, kind = name.rpartition("/")
        draw, value = generator(seed, name), np.zeros(shape)
        if name == "embedding":
            value = draw.normal(0, 1, shape)
        elif kind in ("V", "W"):
            gain = 6.0 if layer in _RECTIFIED else 3.0
            limit = math.sqrt(gain / math.prod(shape[:-1]))
            value = draw.uniform(-limit, limit, shape)
            if layer.endswith("/candidate"):
                value = np.linalg.qr(draw.normal(0, 1, shape))[0]
        elif kind == "g":
            value = norms(tensors[f"{layer}/V"])
        tensors[name] = value.astype(np.float32)
    return tensors


def norms(directions: Array) -> npt.NDArray[np.float64]:
    """Return the norm of the weights […, in, out] of each output, float64 [out]."""
    flat = directions.reshape(-1, directions.shape[-1]).astype(np.float64)
    return np.asarray(np.sqrt(np.square(flat).sum(axis=0)))
