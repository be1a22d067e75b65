"""How to train, and how far a training is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from nsynth_batch.models.family import Order
from nsynth_batch.models.recipe import Recipe
from nsynth_batch.settings.choices import Exchange, Rule, Schedule
from nsynth_batch.training.corpus import Augmentation

_PUBLISHED_RATES = (
    (0, 2e-4),
    (90_000, 4e-4 / 3),
    (120_000, 6e-5),
    (150_000, 4e-5),
    (180_000, 2e-5),
)

ROWS: Mapping[Order, int] = {"crops": 1, "streams": 4}
"""Rows of a batch that a worker learns from at once; a step of a recurrent network takes some."""


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Attributes
    ----------
    steps
        Train until this step.
    batch, crop_samples
        Crops a step, and their length (a multiple of the hop).
    schedule
        ``trapezoid``: up to `learning_rate` over `warmup_steps`, level, and down to zero over the
        last `decay_steps`. ``published``: the published model's five levels.
    average_decay
        Decay of the averaged weights, which are what is saved as the model.
    clip_norm
        Largest norm of a step's gradient.
    seed
        Of the initial weights, the crops and the noise on inputs.
    augmentation
        How crops are changed.
    recipe
        What helps the model to learn beside them.
    exchange
        Where gradients are made and added: ``alone`` in this process; ``sync`` on workers, a crop
        each or `ROWS` streams, added in a fixed tree, which gives other last bits than ``alone``;
        ``rounds`` on workers, where each crop of a batch has weights of its own for some steps;
        ``async`` on workers, a whole batch each or `ROWS` streams, from the newest weights that
        there are, and applied by themselves in the order in which they come.
    local_steps
        Steps after which the weights of ``rounds`` are averaged, with all that is beside them.
    rule
        ``adam``, or ``plain`` gradient descent.

    Examples
    --------
    >>> options = TrainingOptions(steps=1000, learning_rate=0.01, warmup_steps=2, decay_steps=100)
    >>> [options.rate(step) for step in (0, 1, 500, 950)]
    [0.005, 0.01, 0.01, 0.005]
    """

    steps: int = 200_000
    batch: int = 2
    crop_samples: int = 6144
    schedule: Schedule = "trapezoid"
    learning_rate: float = 2e-3
    warmup_steps: int = 200
    decay_steps: int = 2000
    average_decay: float = 0.999
    clip_norm: float = 1.0
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)
    recipe: Recipe = field(default_factory=Recipe)
    exchange: Exchange = "alone"
    local_steps: int = 1
    rule: Rule = "adam"

    @property
    def stride(self) -> int:
        """Steps in a round of workers."""
        return self.local_steps if self.exchange == "rounds" else 1

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        if self.schedule == "published":
            return next(rate for start, rate in reversed(_PUBLISHED_RATES) if step >= start)
        up = min(1.0, (step + 1) / max(1, self.warmup_steps))
        down = min(1.0, (self.steps - step) / max(1, self.decay_steps))
        return self.learning_rate * min(up, down)


@dataclass(frozen=True)
class Met:
    """What a step has met.

    Attributes
    ----------
    loss, auxiliary
        Its loss and its auxiliary error; None where there is none.
    beside
        What is reported beside them.
    """

    loss: float | None
    auxiliary: float | None
    beside: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is.

    Attributes
    ----------
    step, steps
        Steps done and to do.
    loss
        Mean training loss since the last report, of what `Family.loss_name` says; on corrupted
        inputs where the recipe corrupts them. None while the encoder learns alone.
    auxiliary
        Mean error of the auxiliary loss since the last report; None where there is none.
    samples_per_second
        Training speed since the last report.
    beside
        Means since the last report of what a family reports beside its loss.
    exchange_share
        Share of the workers' time in which they made no gradient; None without workers.
    staleness
        How many gradients since the last report were applied to weights that others had changed so
        often since they began; empty but for ``async``. Of one that was lost with a worker after it
        was counted, and made again, the first time counts here and the last in the log.
    """

    step: int
    steps: int
    loss: float | None
    auxiliary: float | None
    samples_per_second: float
    beside: Mapping[str, float] = field(default_factory=dict)
    exchange_share: float | None = None
    staleness: Mapping[int, int] = field(default_factory=dict)


def progress_of(
    step: int,
    steps: int,
    met: Sequence[Met],
    speed: float,
    exchange_share: float | None = None,
    staleness: Mapping[int, int] | None = None,
) -> TrainingProgress:
    """Return the progress after some steps: the means of what they met.

    Examples
    --------
    >>> found = progress_of(2, 9, [Met(1.0, None, {"variance": 2.0}), Met(3.0, None, {})], 5.0)
    >>> found.loss, found.auxiliary, found.beside
    (2.0, None, {'variance': 2.0})
    """
    names = dict.fromkeys(name for one in met for name in one.beside)
    beside = {
        name: math.fsum(values) / len(values)
        for name in names
        if (values := [one.beside[name] for one in met if name in one.beside])
    }
    loss, auxiliary = _mean(one.loss for one in met), _mean(one.auxiliary for one in met)
    return TrainingProgress(
        step, steps, loss, auxiliary, speed, beside, exchange_share, dict(staleness or {})
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None
