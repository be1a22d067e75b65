"""What a WaveNet's tensors begin with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nsynth_batch.models.draws import generator
from nsynth_batch.models.weights import Array


def random_tensors(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Array]:
    """Draw weights, uniform in ±sqrt(3 / fan_in); biases are 0, as the published model's were.

    Parameters
    ----------
    shapes : mapping of str to (1, taps, in, out), or (out,) of ``…/biases``
    seed : int
        The same seed gives the same tensors.

    Returns
    -------
    dict of str to float32
    """
    tensors: dict[str, Array] = {}
    for name, shape in shapes.items():
        if name.endswith("/biases"):
            tensors[name] = np.zeros(shape, np.float32)
            continue
        limit = np.sqrt(3.0 / (shape[1] * shape[2]))
        tensors[name] = generator(seed, name).uniform(-limit, limit, shape).astype(np.float32)
    return tensors
