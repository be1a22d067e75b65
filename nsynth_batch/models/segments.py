"""Networks whose norms are of a whole batch, cut at those norms, so that its crops can be apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Tensors = Mapping[str, Any]

EPSILON = 1e-3
"""Added to variances before their root, as magenta's networks do."""


@dataclass(frozen=True)
class Segment:
    """What a network does from one norm of a batch to the next.

    Attributes
    ----------
    tensors : tuple of str
        The names of those that it reads and that a gradient teaches.
    moments : tuple of str
        Of the norm that follows: the names of the tensors that keep averages of its mean and its
        variance. Empty after the last segment.
    run : callable
        Takes tensors, rows of a batch, and what the norm before made of these rows (None before the
        first segment). Returns what is normalised next, [B, …, channels]; the last one the `Loss`.
    """

    tensors: tuple[str, ...]
    moments: tuple[str, ...]
    run: Callable[[Tensors, Tensors, Any], Any]


def normalised(values: Any, mean: Any, variance: Any) -> Any:
    """Return values [..., channels] with these moments taken out, in TensorFlow."""
    import tensorflow as tf

    return (values - mean) * tf.math.rsqrt(variance + EPSILON)
