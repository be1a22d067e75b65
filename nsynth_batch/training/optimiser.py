"""Adam, or plain descent, on clipped gradients, and the moving average of the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from nsynth_batch.models.weights import Array
from nsynth_batch.settings.choices import Rule

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8


SLOTS = ("weights", "momentum", "variance", "average")
"""What a training keeps of each tensor."""

Tensors = Mapping[str, Any]


@dataclass(frozen=True)
class Descent:
    """How a gradient changes weights, and what is kept beside them.

    Attributes
    ----------
    clip_norm : float
        Largest norm of a step's gradient.
    average_decay : float
        Decay of the averaged weights.
    rule : str
        ``adam``; or ``plain``, which goes down the gradient and leaves the moments alone.
    """

    clip_norm: float
    average_decay: float
    rule: Rule = "adam"

    def after(
        self,
        slots: Mapping[str, Tensors],
        gradients: Sequence[Any],
        rate: Any,
        step: Any,
        averaged: Tensors | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Return weights and all that is kept beside them after one step.

        Parameters
        ----------
        slots : mapping of str to mapping of str to tensors
            Those of `SLOTS`.
        gradients : sequence of tensors
            In the order of the weights.
        rate : float32 tensor
            The learning rate.
        step : float32 tensor
            Which step it is, from 1.
        averaged : mapping of str to tensors, optional
            What some weights become moving averages of, in place of a gradient's.
        """
        averaged = averaged or {}
        gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm)
        # Adam with its bias corrections folded into the rate (Kingma & Ba 2015, section 2).
        scaled = rate * tf.sqrt(1 - _BETA_2**step) / (1 - _BETA_1**step)
        keep = tf.minimum(self.average_decay, step / (step + 10))
        found: dict[str, dict[str, Any]] = {slot: {} for slot in SLOTS}
        for (name, weight), gradient in zip(slots["weights"].items(), gradients, strict=True):
            m, v = slots["momentum"][name], slots["variance"][name]
            if name in averaged:
                weight = average = keep * weight + (1 - keep) * averaged[name]
            else:
                if self.rule == "plain":
                    weight = weight - rate * gradient
                else:
                    m = _BETA_1 * m + (1 - _BETA_1) * gradient
                    v = _BETA_2 * v + (1 - _BETA_2) * tf.square(gradient)
                    weight = weight - scaled * m / (tf.sqrt(v) + _EPSILON)
                average = keep * slots["average"][name] + (1 - keep) * weight
            for slot, value in zip(SLOTS, (weight, m, v, average), strict=True):
                found[slot][name] = value
        return found


class Optimiser:
    """The weights of a training, and what is kept beside them, as variables.

    Parameters
    ----------
    initial : mapping of str to float32 arrays
        The weights that training begins with.
    descent : Descent
        How they change.

    Attributes
    ----------
    weights : dict of str to variables
        The weights.
    """

    def __init__(self, initial: Mapping[str, Array], descent: Descent) -> None:
        self.weights = {name: tf.Variable(value) for name, value in initial.items()}
        self._variables = {
            "weights": self.weights,
            **{
                slot: {name: tf.Variable(tf.zeros_like(v)) for name, v in self.weights.items()}
                for slot in ("momentum", "variance")
            },
            "average": {name: tf.Variable(v) for name, v in self.weights.items()},
        }
        self._descent = descent

    def apply(
        self, gradients: Sequence[Any], rate: Any, step: Any, averaged: Tensors | None = None
    ) -> None:
        """Make one step; see `Descent.after`."""
        values = {
            slot: {name: variable.read_value() for name, variable in some.items()}
            for slot, some in self._variables.items()
        }
        found = self._descent.after(values, gradients, rate, step, averaged)
        for slot, some in self._variables.items():
            for name, variable in some.items():
                if found[slot][name] is not values[slot][name]:
                    variable.assign(found[slot][name])

    def averaged(self) -> dict[str, Array]:
        """Return the averaged weights."""
        return {name: v.numpy() for name, v in self._variables["average"].items()}

    def state(self) -> dict[str, dict[str, Array]]:
        """Return everything that a training goes on from, by slot and by the weight's name."""
        return {
            slot: {name: v.numpy() for name, v in some.items()}
            for slot, some in self._variables.items()
        }

    def restore(self, state: Mapping[str, Mapping[str, Array]]) -> None:
        """Take over what `state` returned."""
        for slot, some in self._variables.items():
            for name, variable in some.items():
                variable.assign(state[slot][name])
