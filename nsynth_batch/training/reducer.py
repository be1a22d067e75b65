"""The gradient of a batch: the one place where what crops teach is put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from nsynth_batch.models.family import Family


@dataclass(frozen=True)
class Gradient:
    """What the crops of a batch teach.

    Attributes
    ----------
    loss : scalar tensor
        The mean of the crops' mean losses.
    tensors : list of tensors
        The gradient of that mean, in the order of the weights.
    """

    loss: Any
    tensors: list[Any]


def gradient(
    family: Family[Any], config: Any, weights: Mapping[str, Any], batch: Any, crops: int
) -> Gradient:
    """Return what a batch teaches; each crop has the same weight in it.

    Parameters
    ----------
    family : Family
    config : ModelConfig
    weights : mapping of str to variables
    batch : tensor [crops, …]
        What `family.batch` returned.
    crops : int
        How many crops it is.
    """
    with tf.GradientTape() as tape:
        # A tower a crop: on a CPU two towers on a core each, whose tensors stay in its cache,
        # go through twice the samples that one batch of two on both cores does. All towers are on
        # one tape: its order of additions is part of the weights' last bits.
        towers = [
            family.loss(config, weights, crop, None) for crop in tf.split(batch, crops, axis=0)
        ]
        loss = tf.add_n([tower.total / tower.count for tower in towers]) / crops
    # The last block's residual product leads nowhere: its gradient is zero, not None.
    found = tape.gradient(
        loss, list(weights.values()), unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    # Of a table that is looked up in, TensorFlow returns the rows that were met alone.
    return Gradient(loss, [tf.convert_to_tensor(tensor) for tensor in found])
