"""Adam, or plain descent, on clipped gradients, and the moving average of the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from nsynth_batch.models.weights import Array
from nsynth_batch.settings.choices import Rule

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8


class Optimiser:
    """The weights of a training, and what Adam keeps beside them.

    Parameters
    ----------
    initial : mapping of str to float32 arrays
        The weights that training begins with.
    clip_norm : float
        Largest norm of a step's gradient.
    average_decay : float
        Decay of the averaged weights.
    rule : str
        ``adam``; or ``plain``, which goes down the gradient and keeps nothing beside the weights.

    Attributes
    ----------
    weights : dict of str to variables
        The weights.
    """

    def __init__(
        self,
        initial: Mapping[str, Array],
        *,
        clip_norm: float,
        average_decay: float,
        rule: Rule = "adam",
    ) -> None:
        self.weights = {name: tf.Variable(value) for name, value in initial.items()}
        self._slots = {
            slot: {name: tf.Variable(tf.zeros_like(v)) for name, v in self.weights.items()}
            for slot in ("momentum", "variance")
        }
        self._slots["average"] = {name: tf.Variable(v) for name, v in self.weights.items()}
        self._clip_norm = clip_norm
        self._average_decay = average_decay
        self._rule = rule

    def apply(
        self,
        gradients: Sequence[Any],
        rate: Any,
        step: Any,
        averaged: Mapping[str, Any] | None = None,
    ) -> None:
        """Make one step.

        Parameters
        ----------
        gradients : sequence of tensors
            In the order of `weights`.
        rate : float32 tensor
            The learning rate.
        step : float32 tensor
            Which step it is, from 1.
        averaged : mapping of str to tensors, optional
            What some weights become moving averages of, in place of a gradient's.
        """
        averaged = averaged or {}
        gradients, _ = tf.clip_by_global_norm(gradients, self._clip_norm)
        # Adam with its bias corrections folded into the rate (Kingma & Ba 2015, section 2).
        scaled = rate * tf.sqrt(1 - _BETA_2**step) / (1 - _BETA_1**step)
        keep = tf.minimum(self._average_decay, step / (step + 10))
        slots = self._slots
        for (name, weight), gradient in zip(self.weights.items(), gradients, strict=True):
            if name in averaged:
                weight.assign(keep * weight + (1 - keep) * averaged[name])
                slots["average"][name].assign(weight)
                continue
            if self._rule == "plain":
                weight.assign_sub(rate * gradient)
            else:
                m, v = slots["momentum"][name], slots["variance"][name]
                m.assign(_BETA_1 * m + (1 - _BETA_1) * gradient)
                v.assign(_BETA_2 * v + (1 - _BETA_2) * tf.square(gradient))
                weight.assign_sub(scaled * m / (tf.sqrt(v) + _EPSILON))
            average = slots["average"][name]
            average.assign(keep * average + (1 - keep) * weight)

    def averaged(self) -> dict[str, Array]:
        """Return the averaged weights."""
        return {name: v.numpy() for name, v in self._slots["average"].items()}

    def state(self) -> dict[str, dict[str, Array]]:
        """Return everything that a training goes on from, by slot and by the weight's name."""
        groups = {"weights": self.weights, **self._slots}
        return {
            slot: {name: v.numpy() for name, v in variables.items()}
            for slot, variables in groups.items()
        }

    def restore(self, state: Mapping[str, Mapping[str, Array]]) -> None:
        """Take over what `state` returned."""
        for slot, variables in {"weights": self.weights, **self._slots}.items():
            for name, variable in variables.items():
                variable.assign(state[slot][name])

    @property
    def slots(self) -> tuple[str, ...]:
        """The names by which `state` is grouped."""
        return ("weights", *self._slots)
