"""The gradient of a batch: the one place where what crops teach is put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from nsynth_batch.models.family import Batch, Family, learns_whole_batches
from nsynth_batch.models.recipe import Phase


@dataclass(frozen=True)
class Gradient:
    """What the crops of a batch teach.

    Attributes
    ----------
    loss : scalar tensor
        The mean of the crops' mean losses.
    auxiliary : scalar tensor or None
        The mean of their auxiliary losses.
    tensors : list of tensors
        The gradient of that mean, in the order of the weights.
    count : int or scalar tensor
        How many samples the loss is the mean of.
    beside : mapping of str to scalar tensors
        The means of what is reported beside the losses.
    state : mapping of str to tensors
        What the streams go on from; empty for crops.
    averaged : mapping of str to tensors
        Moments of the batch, which the model keeps moving averages of; empty without norms.
    """

    loss: Any
    auxiliary: Any
    tensors: list[Any]
    count: Any
    beside: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    averaged: Mapping[str, Any] = field(default_factory=dict)


def gradient(
    family: Family[Any],
    config: Any,
    weights: Mapping[str, Any],
    batch: Batch,
    crops: int,
    *,
    auxiliary_weight: float,
    phase: Phase,
    state: Mapping[str, Any] | None = None,
) -> Gradient:
    """Return what a batch teaches; each crop has the same weight in it.

    Streams are one tower, in which each sample has the same weight: a step of a recurrent network
    is one product of all rows. So are crops that are normalised together.

    Parameters
    ----------
    family : Family
    config : ModelConfig
    weights : mapping of str to variables or tensors
    batch : mapping of str to tensors [crops, …]
        What `Batches.at` returned, or some rows of it.
    crops : int
        How many crops it is.
    auxiliary_weight : float
        Of the auxiliary loss in what is minimised.
    phase : str
        What learns.
    state : mapping of str to tensors, optional
        What the streams went on to before; None for crops.
    """
    if state is not None:
        batch, state = _begun(batch, state)
    with tf.GradientTape() as tape:
        tape.watch(list(weights.values()))
        # A tower a crop: on a CPU two towers on a core each, whose tensors stay in its cache,
        # go through twice the samples that one batch of two on both cores does. All towers are on
        # one tape: its order of additions is part of the weights' last bits.
        together = state is not None or learns_whole_batches(family, config)
        count = 1 if together else crops
        parts = {name: tf.split(rows, count, axis=0) for name, rows in batch.items()}
        towers = [
            family.loss(
                config, weights, {name: rows[k] for name, rows in parts.items()}, state, phase
            )
            for k in range(count)
        ]
        loss = minimised = tf.add_n([tower.total / tower.count for tower in towers]) / count
        errors = [tower.auxiliary for tower in towers if tower.auxiliary is not None]
        auxiliary = tf.add_n(errors) / crops if errors else None
        if auxiliary is not None:
            minimised = loss + auxiliary_weight * auxiliary
    # The last block's residual product leads nowhere: its gradient is zero, not None.
    found = tape.gradient(
        minimised, list(weights.values()), unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    # Of a table that is looked up in, TensorFlow returns the rows that were met alone.
    return Gradient(
        loss,
        auxiliary,
        [tf.convert_to_tensor(tensor) for tensor in found],
        sum(tower.count for tower in towers),
        {name: tf.add_n([t.beside[name] for t in towers]) / count for name in towers[0].beside},
        {} if state is None else towers[0].state,
        towers[0].averaged if together else {},
    )


def _begun(batch: Batch, state: Mapping[str, Any]) -> tuple[Batch, Mapping[str, Any]]:
    """Return a batch of streams, and what they go on from: silence where a recording begins."""
    rows = dict(batch)
    keep = 1.0 - rows.pop("begins")
    return rows, {
        name: value * tf.reshape(keep, [-1, *[1] * (len(value.shape) - 1)])
        for name, value in state.items()
    }
