"""What a training takes before it starts: memory, disk and time, counted."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nsynth_batch.models.family import BatchFamily, Family
from nsynth_batch.models.machine import available_memory
from nsynth_batch.training.options import ROWS, TrainingOptions
from sequencer.text import counted

_FLOAT = 4
_STATE = 8
"""Copies of the weights: themselves, two moments, their average, gradients, and what is saved."""

_OUTPUTS = 3
"""Times a layer's narrower side is kept until the gradient, beside its inputs, as measured."""

_SAMPLE = 24
"""Numbers kept of a sample beside those of layers: crop, target, prediction, loss, as measured."""

_LIBRARIES = 700_000_000
"""Bytes of TensorFlow and its graphs."""

_BACKWARD = 3
"""Times the products of a forward pass that a step with its gradient makes."""

_EFFICIENCY = 0.3
"""Of a large product's speed, what training reaches: layers are narrow."""

_SIDE = 1024


@dataclass(frozen=True)
class TrainingPlan:
    """What a training takes.

    Attributes
    ----------
    memory : int
        Bytes at its peak, about, of all processes that learn on one machine.
    samples : int
        To go through.
    products : int
        Multiply-adds for them, gradients included.
    """

    memory: int
    samples: int
    products: int

    def seconds(self, products_a_second: float) -> float:
        """Return how long it takes, about, on a machine of so many multiply-adds a second."""
        return self.products / (_EFFICIENCY * products_a_second)


def plan_training(
    family: Family[Any], config: Any, options: TrainingOptions, step: int = 0, workers: int = 1
) -> TrainingPlan:
    """Count what a training takes from a step on.

    Parameters
    ----------
    family : Family
    config : ModelConfig
    options : TrainingOptions
    step : int
        Steps done.
    workers : int
        Processes that learn on one machine.
    """
    shapes = family.tensor_shapes(config)
    cost = family.cost(config)
    weights = sum(math.prod(shape) for shape in shapes.values())
    learned = max(0.0, 1 - family.given_samples(config) / options.crop_samples)
    shares = {name: learned if name in cost.targets else 1.0 for name in shapes}
    # A layer over frames keeps its numbers once a frame, and not once a sample.
    kept = _SAMPLE + sum(
        (math.prod(shape[:-1]) + _OUTPUTS * min(shape[-1], shape[-2]))
        * (shares[name] / cost.every.get(name, 1))
        for name, shape in shapes.items()
        if len(shape) > 1
    )
    rows = options.batch if options.exchange == "alone" else min(options.batch, ROWS[family.order])
    at_once = math.ceil(kept * rows * options.crop_samples)
    if isinstance(family, BatchFamily) and family.whole_batch(config):
        # Layers that stride through a crop keep fewer outputs than it has samples. A worker keeps
        # those of all its crops: each of them waits for the others at every norm.
        rows = options.batch if options.exchange == "alone" else math.ceil(options.batch / workers)
        at_once = rows * family.kept_numbers(config)
    left = max(0, options.steps - step)
    a_step = options.batch * options.crop_samples
    # While the encoder learns alone the decoder does not run.
    decoded = max(0, options.steps - max(step, options.recipe.encoder_steps))
    left_out = sum((1 - shares[name]) * math.prod(shapes[name]) for name in cost.targets)
    generated = cost.generate - round(left_out)
    return TrainingPlan(
        workers * (_LIBRARIES + _FLOAT * (_STATE * weights + at_once)),
        left * a_step,
        _BACKWARD * a_step * (left * cost.encode + decoded * generated),
    )


def refusal(
    family: Family[Any],
    config: Any,
    options: TrainingOptions,
    *,
    own_crop: bool,
    workers: int = 1,
    available: int | None = None,
) -> str | None:
    """Return why a training does not fit this machine, and what does; None where it fits.

    Parameters
    ----------
    family : Family
    config : ModelConfig
    options : TrainingOptions
    own_crop : bool
        Whether the length of crops is the family's own for these sizes, and not the user's.
    workers : int
        Processes that learn on this machine.
    available : int, optional
        Bytes that there are; by default what the machine or container has left.
    """
    left = available_memory() if available is None else available
    needed = plan_training(family, config, options, workers=workers).memory
    if needed <= left:
        return None
    fitting = []
    for name, other in family.presets.items():
        crop = family.crop_samples(other) if own_crop else options.crop_samples
        if crop % other.hop:
            continue
        taken = replace(options, crop_samples=crop)
        memory = plan_training(family, other, taken, workers=workers).memory
        if memory <= left:
            fitting.append((memory, name))
    smaller = "a smaller --batch" if options.exchange == "alone" else "fewer --workers"
    advice = f"give it {smaller} or shorter --crop-samples"
    if fitting:
        memory, name = max(fitting)
        advice = f"the nearest that fits is --preset {name}, which takes {memory / 1e9:.1f} GB"
    shapes = family.tensor_shapes(config).values()
    weights = sum(math.prod(shape) for shape in shapes)
    return (
        f"the training takes about {needed / 1e9:.1f} GB of memory ({weights / 1e6:.1f} million "
        f"weights, {counted(options.batch, 'crop')} of {options.crop_samples} samples), and "
        f"{left / 1e9:.1f} GB are left here: {advice}"
    )


def products_a_second() -> float:
    """Measure the multiply-adds a second of a large product on this machine, in a moment."""
    a = np.ones((_SIDE, _SIDE), np.float32)
    taken = []
    for _ in range(3):
        begun = time.perf_counter()
        a @ a
        taken.append(time.perf_counter() - begun)
    return float(_SIDE**3 / min(taken))
