"""A gated recurrent unit in TensorFlow, as the native engine computes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

Tensor = Any


def gated_unit(
    hidden: int, tensors: Mapping[str, Tensor], name: str, x: Tensor, begin: Tensor
) -> Tensor:
    """Return the states of a gated recurrent unit after each step.

    Parameters
    ----------
    hidden : int
        Channels, H.
    tensors : mapping of str to tensors
        ``…/input/W`` [I, 3 H] and ``…/input/biases``, with the columns update, reset, candidate;
        ``…/gates/W`` [H, 2 H] and ``…/candidate/W`` [H, H], of the state. Where there are
        ``…/candidate/biases`` [H], the reset gate comes after the state's product and them.
    name : str
        What stands before their names.
    x : float32 [S, B, I]
        Time comes first, so that a step is one row of rows.
    begin : float32 [B, H]
        The state before the first step.

    Returns
    -------
    float32 [S, B, H]
    """
    parts = tf.tensordot(x, tensors[f"{name}/input/W"], 1) + tensors[f"{name}/input/biases"]
    gates, candidate = tensors[f"{name}/gates/W"], tensors[f"{name}/candidate/W"]
    biases = tensors.get(f"{name}/candidate/biases")

    def step(state: Tensor, part: Tensor) -> Tensor:
        both = tf.sigmoid(part[:, : 2 * hidden] + tf.matmul(state, gates))
        update, reset = both[:, :hidden], both[:, hidden:]
        if biases is None:
            recurrent = tf.matmul(reset * state, candidate)
        else:
            recurrent = reset * (tf.matmul(state, candidate) + biases)
        new = tf.tanh(part[:, 2 * hidden :] + recurrent)
        return state + update * (new - state)

    return tf.scan(step, parts, begin)
