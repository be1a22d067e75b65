"""What `train` prints of losses: a line on its way, and the tables of held-out scores."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nsynth_batch.models.family import LOSS_UNITS
from nsynth_batch.text import table
from sequencer.text import clock

if TYPE_CHECKING:
    from nsynth_batch.models.family import LossName
    from nsynth_batch.training.corpus import Corpus
    from nsynth_batch.training.evaluation import Lossy, Scored
    from nsynth_batch.training.options import TrainingProgress


def progress_line(progress: TrainingProgress, samples_a_step: int, unit: str) -> str:
    """Return how far a training is, how well it does, and how long it will go on."""
    left = (progress.steps - progress.step) * samples_a_step / progress.samples_per_second
    found = [] if progress.loss is None else [f"{progress.loss:.3f} {unit}"]
    if progress.auxiliary is not None:
        found.append(f"auxiliary error {progress.auxiliary:.3f}")
    found += [f"{name.replace('_', ' ')} {value:.3f}" for name, value in progress.beside.items()]
    if progress.exchange_share is not None:
        found.append(f"{progress.exchange_share:.0%} of the workers' time without a gradient")
    if stale := progress.staleness:
        mean = sum(by * count for by, count in stale.items()) / sum(stale.values())
        found.append(f"gradients {mean:.1f} updates old, {max(stale)} at most")
    return (
        f"step {progress.step} of {progress.steps}: {', '.join(found)}, "
        f"{progress.samples_per_second:,.0f} samples/s, {clock(left)} left"
    )


def epochs(seen: float, seconds: float) -> str:
    """Return how much audio was learned from, in words; an epoch is as much as there is.

    Examples
    --------
    >>> epochs(90.0, 60.0)
    '1:30 of audio seen, 1.5 epochs'
    """
    return f"{clock(seen)} of audio seen, {seen / seconds:.1f} epochs"


def scores(model: Any, held_out: Corpus, loss_name: LossName) -> str:
    """Return the table of how well a model predicts recordings that it did not learn."""
    if loss_name == "nll":
        return nats(model, held_out)
    return losses(model, held_out, LOSS_UNITS[loss_name])


def losses(model: Lossy, held_out: Corpus, unit: str) -> str:
    """Return the table of a model's loss on recordings."""
    from nsynth_batch.training.evaluation import evaluate_loss

    scores = list(evaluate_loss(model, held_out))
    seconds = sum(score.seconds for score in scores)
    mean = sum(score.loss * score.seconds for score in scores) / max(seconds, 1e-9)
    names = list(scores[0].beside) if scores else []
    rows = [
        [score.name, f"{score.seconds:.1f}", f"{score.loss:.4f}"]
        + [f"{score.beside[name]:.4f}" for name in names]
        for score in scores
    ]
    last = ["all, by length", f"{seconds:.1f}", f"{mean:.4f}", *[""] * len(names)]
    return table([["held out", "seconds", unit, *names], *rows, last])


def nats(model: Scored, held_out: Corpus) -> str:
    """Return the table of a model's nats and bits, beside two baselines."""
    from nsynth_batch.training.evaluation import UNIFORM_NLL, evaluate

    rows = [["held out", "seconds", "nats", "bits", "linear", "uniform"]]
    scores = list(evaluate(model, held_out))
    for score in scores:
        numbers = (score.nll, score.nll / math.log(2), score.linear_nll, UNIFORM_NLL)
        rows.append([score.name, f"{score.seconds:.1f}", *(f"{n:.3f}" for n in numbers)])
    seconds = max(sum(score.seconds for score in scores), 1e-9)
    nll = sum(score.nll * score.seconds for score in scores) / seconds
    linear = sum(score.linear_nll * score.seconds for score in scores) / seconds
    means = (f"{n:.3f}" for n in (nll, nll / math.log(2), linear, UNIFORM_NLL))
    rows.append(["all, by length", f"{seconds:.1f}", *means])
    # Likelihoods of other codes are no comparison.
    return f"{table(rows)}\nof codes by the quantiser {model.quantiser.name}"
