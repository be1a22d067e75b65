"""Teacher-forced training: crops, Adam, a learning-rate schedule, averaged weights, resume."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from safetensors.numpy import load_file, save_file

from nsynth_batch.choices import Schedule
from nsynth_batch.models import quantiser
from nsynth_batch.models.wavenet import graph
from nsynth_batch.models.wavenet.config import Config
from nsynth_batch.models.weights import (
    Array,
    CheckpointError,
    Weights,
    check,
    random_weights,
    save_weights,
)
from nsynth_batch.training.corpus import Augmentation, Corpus

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8
_PUBLISHED_RATES = (
    (0, 2e-4),
    (90_000, 4e-4 / 3),
    (120_000, 6e-5),
    (150_000, 4e-5),
    (180_000, 2e-5),
)


def mean_nll(config: Config, tensors: graph.Tensors, codes: Any) -> Any:
    """Give the teacher-forced negative log-likelihood of mu-law codes [B, T], nats a sample."""
    logits = graph.decoder(config, tensors, codes, graph.encoder(config, tensors, codes))
    labels = tf.cast(codes, tf.int32) - quantiser.LOWEST
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )


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
        Of the initial weights and the crops.
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

    def rate(self, step: int) -> float:
        """Give the learning rate of a step."""
        if self.schedule == "published":
            return next(rate for start, rate in reversed(_PUBLISHED_RATES) if step >= start)
        up = min(1.0, (step + 1) / max(1, self.warmup_steps))
        down = min(1.0, (self.steps - step) / max(1, self.decay_steps))
        return self.learning_rate * min(up, down)


@dataclass(frozen=True)
class TrainingProgress:
    """Where a training stands.

    Attributes
    ----------
    step, steps
        Steps done and to do.
    nll
        Mean training loss since the last report, in nats a sample.
    samples_per_second
        Training speed since the last report.
    """

    step: int
    steps: int
    nll: float
    samples_per_second: float


class Trainer:
    """A model in training.

    Parameters
    ----------
    config : Config
    options : TrainingOptions
    folder : Path
        Holds ``model.safetensors`` (the averaged weights) and ``training.safetensors``, from
        which training goes on exactly where it was.

    Raises
    ------
    CheckpointError
        If the folder's training is of another configuration or other options (`steps` and
        `decay_steps` may change), or its file is damaged.
    """

    def __init__(self, config: Config, options: TrainingOptions, folder: Path) -> None:
        if options.crop_samples % config.ae_hop_length:
            raise ValueError(
                f"crop_samples must be a multiple of the hop {config.ae_hop_length}, "
                f"not {options.crop_samples}"
            )
        _one_thread_a_tower()
        self.config, self.options, self.folder = config, options, folder
        self.step = 0
        initial = random_weights(config, options.seed).tensors
        self._weights = {name: tf.Variable(value) for name, value in initial.items()}
        self._slots = {
            slot: {name: tf.Variable(tf.zeros_like(v)) for name, v in self._weights.items()}
            for slot in ("momentum", "variance")
        }
        self._slots["average"] = {name: tf.Variable(v) for name, v in self._weights.items()}
        self._update = tf.function(self._make_update())
        if self._state_file.exists():
            self._restore()

    @property
    def _state_file(self) -> Path:
        return self.folder / "training.safetensors"

    def train(
        self,
        corpus: Corpus,
        *,
        report_steps: int = 100,
        save_seconds: float = 300.0,
        on_progress: Callable[[TrainingProgress], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Weights:
        """Train up to `options.steps`, saving as it goes and at the end.

        Parameters
        ----------
        corpus : Corpus
        report_steps : int
            How often `on_progress` hears of it.
        save_seconds : float
            How often the training is saved.
        on_progress : callable, optional
        stop : threading.Event, optional
            Ends the training after the step under way, saved.

        Returns
        -------
        The averaged weights.

        Raises
        ------
        ValueError
            If the corpus holds no samples.
        FloatingPointError
            If the loss stops being finite.
        """
        if not corpus.seconds:
            raise ValueError("nothing to train on: the corpus holds no samples")
        options = self.options
        losses: list[float] = []
        reported = saved = time.monotonic()
        while self.step < options.steps and not (stop and stop.is_set()):
            crops = corpus.crops(
                self.step, options.batch, options.crop_samples, options.seed, options.augmentation
            )
            codes = tf.constant(quantiser.encode(crops), dtype=tf.float32)
            rate = tf.constant(options.rate(self.step), tf.float32)
            loss = float(self._update(codes, rate, tf.constant(self.step + 1, tf.float32)))
            if not np.isfinite(loss):
                raise FloatingPointError(
                    f"loss is {loss} at step {self.step}: try a lower learning rate"
                )
            losses.append(loss)
            self.step += 1
            now = time.monotonic()
            if on_progress and self.step % report_steps == 0:
                made = len(losses) * options.batch * options.crop_samples
                speed = made / (now - reported)
                on_progress(
                    TrainingProgress(self.step, options.steps, float(np.mean(losses)), speed)
                )
                losses, reported = [], now
            if now - saved > save_seconds:
                self.save()
                saved = now
        self.save()
        return self.averaged()

    def averaged(self) -> Weights:
        """Give the averaged weights."""
        tensors = {name: v.numpy() for name, v in self._slots["average"].items()}
        return Weights(self.config, tensors, {"step": str(self.step)})

    def save(self) -> None:
        """Write the training and the averaged weights, each all or nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state: dict[str, Array] = {f"weights:{n}": v.numpy() for n, v in self._weights.items()}
        for slot, variables in self._slots.items():
            state.update({f"{slot}:{name}": v.numpy() for name, v in variables.items()})
        save_weights(self.averaged(), self.folder / "model.safetensors")
        partial = self._state_file.with_name(f"training.{os.getpid()}.part")
        try:
            save_file(state, partial, {"step": str(self.step), "made_by": self._made_by()})
            partial.replace(self._state_file)
        finally:
            partial.unlink(missing_ok=True)

    def _made_by(self) -> str:
        """Give what must stay the same for a training to go on exactly."""
        options = asdict(self.options)
        for free in ("steps", "decay_steps"):
            del options[free]
        return json.dumps({"config": self.config.to_dict(), **options}, sort_keys=True)

    def _restore(self) -> None:
        from safetensors import SafetensorError, safe_open

        file = self._state_file
        try:
            with safe_open(str(file), framework="numpy") as stored:
                metadata = stored.metadata() or {}
            state = load_file(file)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"{file}: not a readable training ({error})") from None
        if metadata.get("made_by") != self._made_by():
            raise CheckpointError(
                f"{file}: was begun with other sizes or options; use the same, or another folder"
            )
        for slot, variables in {"weights": self._weights, **self._slots}.items():
            tensors = {n.split(":", 1)[1]: v for n, v in state.items() if n.startswith(slot + ":")}
            for name, value in check(self.config, tensors, str(file)).tensors.items():
                variables[name].assign(value)
        self.step = int(metadata["step"])

    def _make_update(self) -> Callable[..., Any]:
        config, options, weights, slots = self.config, self.options, self._weights, self._slots
        names = list(weights)

        def update(codes: Any, rate: Any, step: Any) -> Any:
            # A tower a crop: on a CPU two towers on a core each, whose tensors stay in its cache,
            # go through twice the samples that one batch of two on both cores does.
            with tf.GradientTape() as tape:
                towers = [
                    mean_nll(config, weights, crop)
                    for crop in tf.split(codes, options.batch, axis=0)
                ]
                loss = tf.add_n(towers) / options.batch
            # The last block's residual product leads nowhere: its gradient is zero, not None.
            gradients = tape.gradient(
                loss,
                [weights[name] for name in names],
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            gradients, _ = tf.clip_by_global_norm(gradients, options.clip_norm)
            # Adam with its bias corrections folded into the rate (Kingma & Ba 2015, section 2).
            scaled = rate * tf.sqrt(1 - _BETA_2**step) / (1 - _BETA_1**step)
            keep = tf.minimum(options.average_decay, step / (step + 10))
            for name, gradient in zip(names, gradients, strict=True):
                m, v = slots["momentum"][name], slots["variance"][name]
                m.assign(_BETA_1 * m + (1 - _BETA_1) * gradient)
                v.assign(_BETA_2 * v + (1 - _BETA_2) * tf.square(gradient))
                weights[name].assign_sub(scaled * m / (tf.sqrt(v) + _EPSILON))
                average = slots["average"][name]
                average.assign(keep * average + (1 - keep) * weights[name])
            return loss

        return update


def _one_thread_a_tower() -> None:
    """Run towers beside each other instead of splitting each product."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(len(os.sched_getaffinity(0)))
    except RuntimeError:
        # TensorFlow runs here already, with threads of another's choice: slower, no worse.
        return
