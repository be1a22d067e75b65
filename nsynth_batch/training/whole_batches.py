"""What workers do where the crops of a batch are normalised together: a stage from norm to norm.

Each worker holds some crops. Forward, each crop goes as far as the next norm, and sums over its
positions are added to those of the others: the moments of the whole batch. Backward it is the same,
for a norm's gradient hangs on two means over the batch (Ioffe & Szegedy 2015, section 3). Beside
the order of additions it is what one process alone learns from the whole batch.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from nsynth_batch.models.family import BatchFamily, Loss, family_named
from nsynth_batch.models.segments import EPSILON, Segment, normalised
from nsynth_batch.models.weights import Array
from nsynth_batch.training.gradients import TrainingRounds
from nsynth_batch.training.learner import Learned, Trained, added, require_finite

Sums = npt.NDArray[np.float64]
"""Two sums over all positions, of each channel: [2, channels]."""


@dataclass(frozen=True)
class Crop:
    """How far a crop is.

    Attributes
    ----------
    outputs : tuple of arrays
        What its segments made, before their norms.
    moments : tuple of pairs of arrays
        The means and variances of the norms, which are the batch's.
    taught : array or None
        The gradient by what the last norm made that the way back has come to.
    gradients : mapping of str to arrays
        Of tensors.
    loss : float
        Its own; NaN on the way there.
    count : float
        How many samples that is.
    seconds : float
        That it took.
    """

    outputs: tuple[Array, ...] = ()
    moments: tuple[tuple[Array, Array], ...] = ()
    taught: Any = None
    gradients: Mapping[str, Array] = field(default_factory=dict)
    loss: float = np.nan
    count: float = 0.0
    seconds: float = 0.0


@dataclass
class WholeBatches(TrainingRounds):
    """A training whose batches are normalised as one; see `StagedIteration` of the rounds."""

    @property
    def stages(self) -> int:
        """A stage a segment, and back a stage a norm."""
        return 2 * len(self._segments()) - 1

    def stage(
        self,
        state: Trained,
        number: int,
        index: int,
        stage: int,
        carried: Crop | None,
        total: Sums | None,
    ) -> tuple[Crop | None, Sums | Learned]:
        """Take a crop a segment further, or back; see `StagedIteration.stage`."""
        begun = time.perf_counter()
        rows = self.ready().rows(number, index)
        weights = state.slots["weights"]
        segments = self._segments()
        last = len(segments) - 1
        crop, slope = carried or Crop(), None
        if total is not None and stage <= last:
            crop = replace(crop, moments=(*crop.moments, self._moments(crop, total)))
        if stage < last:
            crop, sums = forward(segments[stage], weights, rows, crop)
            return _timed(crop, begun), sums
        place = 2 * last - stage
        if total is not None and stage > last:
            means = total / self._positions(crop.taught)
            slope = through_norm(
                _input(crop, place + 1), crop.moments[place][1], crop.taught, means
            )
        given = _input(crop, place)
        crop = back(segments[place], weights, rows, crop, place, given, slope)
        if place:
            return _timed(crop, begun), _sums(crop.taught, given.numpy())
        return None, self._learned(_timed(crop, begun), number, index)

    def _moments(self, crop: Crop, total: Sums) -> tuple[Array, Array]:
        """Return mean and variance of the batch, of the sums of what was made last."""
        mean, squares = total / self._positions(crop.outputs[-1])
        variance = np.maximum(squares - np.square(mean), 0)
        return mean.astype(np.float32), variance.astype(np.float32)

    def _positions(self, values: Array) -> float:
        """Return over how many numbers a norm's means are: crops of a batch are of one shape."""
        return float(self.options.batch * values.size // values.shape[-1])

    def _learned(self, crop: Crop, number: int, index: int) -> Learned:
        """Return what a crop teaches, once it is all the way back."""
        tensors = [
            crop.gradients.get(name, np.zeros(shape, np.float32))
            for name, shape in self.ready().shapes.items()
        ]
        what = f"crop {index} of a batch that is normalised as one"
        require_finite([crop.loss, *tensors], number, what, crop.loss / crop.count)
        averaged = {
            name: value
            for segment, pair in zip(self._segments(), crop.moments, strict=False)
            for name, value in zip(segment.moments, pair, strict=True)
        }
        return Learned(tensors, crop.count, crop.loss, np.nan, {}, {}, crop.seconds, averaged)

    def add(self, a: Any, b: Any) -> Any:
        """Return the sum of two crops' sums, or of what they teach."""
        return added(a, b) if isinstance(a, Learned) else a + b

    def _segments(self) -> Sequence[Segment]:
        family = family_named(self.family)
        if not isinstance(family, BatchFamily):
            raise ValueError(f"the family {self.family} normalises no batches")
        return family.segments(self.config)


def forward(
    segment: Segment, weights: Mapping[str, Array], rows: Mapping[str, Any], crop: Crop
) -> tuple[Crop, Sums]:
    """Return a crop after one segment more, and the sums of what that made and of its squares."""
    given = _input(crop, len(crop.outputs))
    made = segment.run(_tensors(segment, weights), rows, given).numpy()
    return replace(crop, outputs=(*crop.outputs, made)), _sums(made, made)


def back(
    segment: Segment,
    weights: Mapping[str, Array],
    rows: Mapping[str, Any],
    crop: Crop,
    place: int,
    given: Any,
    slope: Array | None,
) -> Crop:
    """Return a crop after the way back through a segment.

    Parameters
    ----------
    segment : Segment
    weights : mapping of str to arrays
    rows : mapping of str to tensors
        Of the batch.
    crop : Crop
    place : int
        Of the segment.
    given : tensor or None
        What it is given; None of the first.
    slope : array or None
        The gradient by what the segment made; None of the last, which makes the loss.
    """
    tensors = _tensors(segment, weights)
    by = [*tensors.values(), *([] if given is None else [given])]
    with tf.GradientTape() as tape:
        tape.watch(by)
        made = segment.run(tensors, rows, given)
        if isinstance(made, Loss):
            crop = replace(crop, loss=float(made.total), count=float(made.count))
            made = made.total
    found = tape.gradient(made, by, None if slope is None else tf.constant(slope))
    # Of a table that is looked up in, TensorFlow returns the rows that were met alone.
    slopes = [tf.convert_to_tensor(value).numpy() for value in found]
    gradients = {**crop.gradients, **dict(zip(tensors, slopes, strict=False))}
    taught = None if given is None else slopes[-1]
    return replace(crop, outputs=crop.outputs[:place], taught=taught, gradients=gradients)


def _input(crop: Crop, place: int) -> Any:
    """Return what a segment is given: what the norm before it made."""
    if place == 0:
        return None
    return normalised(tf.constant(crop.outputs[place - 1]), *crop.moments[place - 1])


def through_norm(made: Any, variance: Array, taught: Array, means: Sums) -> Array:
    """Return the gradient by what a norm was given.

    Parameters
    ----------
    made : float32 tensor [B, ..., channels]
        What the norm made.
    variance : float32 [channels]
        Of the batch.
    taught : float32 [B, ..., channels]
        The gradient by what the norm made.
    means : float64 [2, channels]
        Over the batch, of the latter and of its product with what the norm made.
    """
    own, together = means.astype(np.float32)
    scale = np.float32(1) / np.sqrt(variance + np.float32(EPSILON))
    slope: Array = scale * (taught - own - made.numpy() * together)
    return slope


def _sums(values: Array, times: Array) -> Sums:
    """Return the sums of values over all positions, and of their products with others."""
    channels = values.shape[-1]
    flat = values.reshape(-1, channels).astype(np.float64)
    return np.stack([flat.sum(0), (flat * times.reshape(-1, channels)).sum(0)])


def _tensors(segment: Segment, weights: Mapping[str, Array]) -> dict[str, Any]:
    return {name: tf.constant(weights[name]) for name in segment.tensors}


def _timed(crop: Crop, begun: float) -> Crop:
    return replace(crop, seconds=crop.seconds + time.perf_counter() - begun)
