"""What a worker's process makes once for a training: its corpus, its graphs, and their results."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf

from nsynth_batch.models.family import StreamFamily, family_named
from nsynth_batch.models.recipe import Phase
from nsynth_batch.models.weights import Array, ModelConfig
from nsynth_batch.training.batches import Batches
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.optimiser import SLOTS, Descent
from nsynth_batch.training.options import ROWS, Met, TrainingOptions
from nsynth_batch.training.reducer import gradient

Rows = Mapping[str, Array]

_TOGETHER = "together"


@dataclass(frozen=True)
class Learned:
    """What some rows teach: sums over their samples.

    Attributes
    ----------
    tensors : list of float32 arrays
        Of the gradient, in the order of the weights; or as `Learner.walk` returns them.
    count : float
        How many samples that is.
    loss, auxiliary : float
        The auxiliary error is NaN where there is none.
    beside : mapping of str to float
        What a family reports beside its loss.
    streams : mapping of int to mapping of str to arrays
        What the streams of each group go on from.
    seconds : float
        That it took.
    averaged : mapping of str to arrays
        Moments of the whole batch, which the model keeps moving averages of; empty without norms.
    """

    tensors: list[Array]
    count: float
    loss: float
    auxiliary: float
    beside: Mapping[str, float]
    streams: Mapping[int, Rows]
    seconds: float
    averaged: Rows = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """Weights and all that is beside them, and what the last step was like.

    Attributes
    ----------
    slots : mapping of str to mapping of str to arrays
        Those of `optimiser.SLOTS`.
    streams : mapping of str to arrays [B, …]
        What streams go on from; empty for crops.
    met : Met
        Means of the last step.
    seconds : float
        That its gradients took, added up.
    """

    slots: Mapping[str, Rows]
    streams: Rows
    met: Met = field(default_factory=lambda: Met(None, None))
    seconds: float = 0.0


def added(a: Learned, b: Learned) -> Learned:
    """Return what two of them teach together."""
    return Learned(
        [x + y for x, y in zip(a.tensors, b.tensors, strict=True)],
        a.count + b.count,
        a.loss + b.loss,
        a.auxiliary + b.auxiliary,
        {name: value + b.beside[name] for name, value in a.beside.items()},
        {**a.streams, **b.streams},
        a.seconds + b.seconds,
        a.averaged,
    )


def require_finite(numbers: Sequence[Any], number: int, what: str, loss: float) -> None:
    """See that what some rows of a step teach is finite.

    Raises
    ------
    FloatingPointError
        If a loss or gradient is not; the message has the step, what it is of, and the mean loss.
    """
    if not all(np.isfinite(value).all() for value in numbers):
        raise FloatingPointError(
            f"loss or gradient is not finite at step {number}, {what}: the loss is {loss}; try a "
            "lower learning rate"
        )


class Learner:
    """What a worker's process makes once: the corpus, the graph, variables for weights."""

    def __init__(
        self, family: str, config: ModelConfig, options: TrainingOptions, corpus: Corpus
    ) -> None:
        self._family = family_named(family)
        self._config, self._options = config, options
        self.batches = Batches(self._family, config, options, corpus)
        self.auxiliary = self._family.auxiliary(config, options.recipe, options.seed)
        self.streams: Rows = {}
        if isinstance(self._family, StreamFamily):
            self.streams = self._family.state(config, options.batch)
        self.shapes = {
            **self._family.tensor_shapes(config),
            **{name: value.shape for name, value in self.auxiliary.items()},
        }
        self._rows = ROWS[self._family.order]
        self._last: tuple[int, Rows] = (-1, {})
        self._tensors: tuple[Rows, Mapping[str, Any]] = ({}, {})
        # A worker of several threads does several tasks at once.
        self._reading = threading.Lock()
        # A graph of its own for each shape: one for several has other last bits, and which worker
        # meets a batch's last, smaller group hangs on how many there are.
        self._gradient = tf.function(self._sums, autograph=False)
        descent = Descent(options.clip_norm, options.average_decay, options.rule)
        self._step = tf.function(descent.after, autograph=False)

    def learn(self, state: Trained, number: int, index: int) -> Learned:
        """Return what a crop of a step teaches, or a group of its streams."""
        weights = self._weights_of(state.slots)
        return self._learn(weights, self._streams(state, index), number, index)

    def walk(self, state: Trained, numbers: range, index: int) -> Learned:
        """Return weights and all beside them after steps on one crop each, or one group of streams.

        They are `Learned.tensors`, slot by slot.
        """
        slots, before, total = state.slots, self._streams(state, index), None
        for number in numbers:
            found = self._learn(self._weights_of(slots), before, number, index)
            slots = self._after(slots, found, number)
            before = found.streams.get(index, {})
            found = replace(found, tensors=[])
            total = found if total is None else added(total, found)
        if total is None:
            raise ValueError("a round has no steps")
        return replace(total, tensors=[slots[slot][n] for slot in SLOTS for n in self.shapes])

    def average(self, state: Trained, number: int, total: Learned, parts: int) -> Trained:
        """Return the means of what `walk` returned for so many parts, added up."""
        tensors = iter(total.tensors)
        slots = {
            slot: {name: next(tensors) / np.float32(parts) for name in self.shapes}
            for slot in SLOTS
        }
        return self._trained(state, number, total, slots)

    def _weights_of(self, slots: Mapping[str, Rows]) -> Mapping[str, Any]:
        """Return weights as tensors, of which several crops are learned with the same in turn."""
        known, tensors = self._tensors
        if slots["weights"] is not known:
            known = slots["weights"]
            tensors = {name: tf.constant(known[name]) for name in self.shapes}
            self._tensors = known, tensors
        return tensors

    def _learn(self, weights: Rows, before: Rows, number: int, index: int) -> Learned:
        begun = time.perf_counter()
        batch = self.rows(number, index)
        streams = {name: tf.constant(values) for name, values in before.items()}
        phase = self._options.recipe.phase(number)
        found = self._gradient(weights, batch, streams, phase)
        tensors, count, loss, auxiliary, beside, after = tf.nest.map_structure(_known, found)
        numbers = [loss, *([] if auxiliary is None else [auxiliary]), *tensors]
        place = self._place(index)
        last = min(place.stop, self._options.batch) - 1
        what = f"crop {index}" if self._rows == 1 else f"streams {place.start} to {last}"
        require_finite(numbers, number, what, loss / count)
        return Learned(
            tensors,
            float(count),
            float(loss),
            np.nan if auxiliary is None else float(auxiliary),
            {name: float(value) for name, value in beside.items()},
            {index: after} if after else {},
            time.perf_counter() - begun,
        )

    def rows(self, number: int, index: int) -> Mapping[str, Any]:
        """Return a crop of a step's batch, or a group of its streams, as tensors."""
        rows = self._place(index)
        return {name: tf.constant(values[rows]) for name, values in self._batch(number).items()}

    def apply(
        self, state: Trained, number: int, total: Learned, applied: int | None = None
    ) -> Trained:
        """Return the weights after a step, which is applied as the gradient after so many."""
        return self._trained(state, number, total, self._after(state.slots, total, number, applied))

    def _after(
        self,
        slots: Mapping[str, Rows],
        total: Learned,
        number: int,
        applied: int | None = None,
    ) -> Mapping[str, Rows]:
        """Return weights and all beside them after a step on what was learned."""
        count = np.float32(total.count)
        gradients = {n: value / count for n, value in zip(self.shapes, total.tensors, strict=True)}
        alone = list(total.averaged)
        found = self._step(
            {slot: self._joined(slots[slot], alone) for slot in SLOTS},
            list(self._joined(gradients, alone).values()),
            tf.constant(self._options.rate(number), tf.float32),
            tf.constant((number if applied is None else applied) + 1, tf.float32),
            {name: tf.constant(value) for name, value in total.averaged.items()},
        )
        return {slot: self._parted(found[slot], alone) for slot in SLOTS}

    def _joined(self, rows: Rows, alone: Collection[str]) -> dict[str, Any]:
        """Return tensors as one, beside those that stay alone: a step takes a while for each."""
        flat = np.concatenate([rows[name].ravel() for name in self.shapes if name not in alone])
        return {_TOGETHER: tf.constant(flat), **{name: tf.constant(rows[name]) for name in alone}}

    def _parted(self, found: Mapping[str, Any], alone: Collection[str]) -> Rows:
        """Return what `_joined` joined."""
        flat, parted, place = found[_TOGETHER].numpy(), {}, 0
        for name, shape in self.shapes.items():
            if name in alone:
                parted[name] = found[name].numpy()
                continue
            size = math.prod(shape)
            parted[name] = flat[place : place + size].reshape(shape)
            place += size
        return parted

    def _trained(
        self, state: Trained, number: int, total: Learned, slots: Mapping[str, Rows]
    ) -> Trained:
        """Return weights with the streams that were learned from, and what was met there."""
        phase = self._options.recipe.phase(number)
        met = Met(
            None if phase == "encoder" else total.loss / total.count,
            None if np.isnan(total.auxiliary) else total.auxiliary / total.count,
            {name: value / total.count for name, value in total.beside.items()},
        )
        streams = dict(state.streams)
        for name, values in streams.items():
            streams[name] = np.array(values)
            for index, group in total.streams.items():
                streams[name][self._place(index)] = group[name]
        return Trained(slots, streams, met, total.seconds)

    def _place(self, index: int) -> slice:
        return slice(index * self._rows, (index + 1) * self._rows)

    def _streams(self, state: Trained, index: int) -> Rows:
        return {name: values[self._place(index)] for name, values in state.streams.items()}

    def _batch(self, number: int) -> Rows:
        """Return the batch of a step, of which a worker learns several rows in turn."""
        with self._reading:
            last, batch = self._last
            if last != number:
                batch = self.batches.at(number)
                self._last = number, batch
        return batch

    def _sums(self, weights: Any, batch: Any, streams: Any, phase: Phase) -> tuple[Any, ...]:
        recipe = self._options.recipe
        found = gradient(
            self._family,
            self._config,
            weights,
            batch,
            1,
            auxiliary_weight=1.0 if phase == "encoder" else recipe.spectral_weight,
            phase=phase,
            state=streams or None,
        )
        count = tf.cast(found.count, tf.float32)
        return (
            [tensor * count for tensor in found.tensors],
            count,
            found.loss * count,
            None if found.auxiliary is None else found.auxiliary * count,
            {name: value * count for name, value in found.beside.items()},
            dict(found.state),
        )


def _known(value: Any) -> Any:
    return None if value is None else value.numpy()
