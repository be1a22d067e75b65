"""Teacher-forced training of any family: crops, gradients, steps, averages, saves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from hdfs_jobs.cores import usable_cores
from nsynth_batch.models.draws import generator
from nsynth_batch.models.family import Batch, Family
from nsynth_batch.models.recipe import Phase, Recipe
from nsynth_batch.models.weights import FIRST_FAMILY, CheckpointError, ModelConfig, Weights
from nsynth_batch.training.checkpoint import ModelFolder
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.optimiser import Optimiser
from nsynth_batch.training.options import TrainingOptions, TrainingProgress
from nsynth_batch.training.reducer import gradient


class Trainer:
    """A model in training.

    Parameters
    ----------
    family : Family
        What kind of model it is.
    config : ModelConfig
        Its sizes.
    options : TrainingOptions
        How to train.
    folder : str or Path
        Where the model and the training are saved, on this machine or on any storage; a training
        that is there goes on exactly where it was.
    initial : Weights, optional
        A model of the same family and sizes to begin with; random weights otherwise.
    metadata : mapping of str to str, optional
        What else the model's file is to say of its making.

    Raises
    ------
    CheckpointError
        If the folder's training is of another configuration or other options (`steps` and
        `decay_steps` may change), or its file is damaged.
    ValueError
        If the crops are no whole hops or too short, the family learns from streams, or `initial`
        is of other sizes.
    """

    def __init__(
        self,
        family: Family[Any],
        config: ModelConfig,
        options: TrainingOptions,
        folder: str | Path,
        initial: Weights[Any] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        if options.crop_samples % config.hop:
            raise ValueError(
                f"crop_samples must be a multiple of the hop {config.hop}, "
                f"not {options.crop_samples}"
            )
        if family.order != "crops":
            raise ValueError(f"family {family.name} learns from {family.order}, not from crops")
        if initial and (initial.family, initial.config) != (family.name, config):
            raise ValueError("the model to begin with is of another family or other sizes")
        # A crop that nothing can be learned from is refused before the work.
        silence = np.zeros((1, options.crop_samples), np.float32)
        family.batch(config, silence, options.recipe, generator(options.seed, "check"))
        _one_thread_a_tower()
        self.family, self.config, self.options = family, config, options
        self.step = 0
        self._folder = ModelFolder(str(folder))
        self._metadata = dict(metadata or {})
        self._initial = initial and initial.digest()
        begins = initial or family.initial(config, options.seed)
        self._auxiliary = family.auxiliary(config, options.recipe, options.seed)
        self._optimiser = Optimiser(
            {**begins.tensors, **self._auxiliary},
            clip_norm=options.clip_norm,
            average_decay=options.average_decay,
        )
        self._update = tf.function(self._one_step, reduce_retracing=True)
        self._restore()

    def train(
        self,
        corpus: Corpus,
        *,
        report_steps: int = 100,
        save_seconds: float = 300.0,
        on_progress: Callable[[TrainingProgress], None] | None = None,
        listen_steps: int = 0,
        on_listen: Callable[[int, Weights[Any]], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Weights[Any]:
        """Train up to `options.steps`, saving as it goes and at the end.

        Parameters
        ----------
        corpus : Corpus
            At the model's sample rate.
        report_steps : int
            After how many steps `on_progress` is called.
        save_seconds : float
            After how many seconds the training is saved.
        on_progress : callable, optional
            Called with how far it is.
        listen_steps : int
            After how many steps `on_listen` is called; 0 for the end alone.
        on_listen : callable, optional
            Called with the step and the averaged weights, which are saved by then.
        stop : threading.Event, optional
            Ends the training after the step under way, saved.

        Returns
        -------
        Weights
            The averaged weights.

        Raises
        ------
        ValueError
            If the corpus holds no samples, or is of another sample rate.
        FloatingPointError
            If the loss stops being finite.
        """
        if not corpus.seconds:
            raise ValueError("nothing to train on: the corpus holds no samples")
        if corpus.sample_rate != self.config.sample_rate:
            raise ValueError(
                f"the corpus is at {corpus.sample_rate} Hz, the model at "
                f"{self.config.sample_rate} Hz"
            )
        options = self.options
        losses: list[tuple[float | None, float | None]] = []
        reported = saved = time.monotonic()
        while self.step < options.steps and not (stop and stop.is_set()):
            losses.append(self._learn(corpus))
            self.step += 1
            now = time.monotonic()
            if on_progress and self.step % report_steps == 0:
                speed = len(losses) * options.batch * options.crop_samples / (now - reported)
                nll, auxiliary = (_mean(part) for part in zip(*losses, strict=True))
                on_progress(TrainingProgress(self.step, options.steps, nll, auxiliary, speed))
                losses, reported = [], now
            listens = bool(on_listen and listen_steps and self.step % listen_steps == 0)
            if listens or now - saved > save_seconds:
                model = self.save()
                saved = now
            if on_listen and listens and self.step < options.steps:
                on_listen(self.step, model)
                # Listening is not training: the speed leaves it out.
                losses, reported = [], time.monotonic()
        model = self.save()
        if on_listen and not (stop and stop.is_set()):
            on_listen(self.step, model)
        return model

    @property
    def saved_bytes(self) -> int:
        """Bytes that the saved model and training take, the ones before and the new together."""
        sizes = [sum(v.nbytes for v in slot.values()) for slot in self._optimiser.state().values()]
        return 2 * (sum(sizes) + sizes[0])

    def averaged(self) -> Weights[Any]:
        """Return the averaged weights."""
        metadata = {**self._metadata, "step": str(self.step)}
        averaged = self._optimiser.averaged()
        tensors = {name: v for name, v in averaged.items() if name not in self._auxiliary}
        return Weights(self.config, tensors, metadata, self.family.name)

    def save(self) -> Weights[Any]:
        """Write the averaged weights and the training, both or neither; return the former."""
        model = self.averaged()
        self._folder.save(self.step, model, self._optimiser.state(), self._made_by())
        return model

    def _learn(self, corpus: Corpus) -> tuple[float | None, float | None]:
        """Make one step; return its loss, in nats a sample, and its auxiliary error."""
        options = self.options
        crops = corpus.crops(
            self.step, options.batch, options.crop_samples, options.seed, options.augmentation
        )
        noise = generator(options.seed, f"corruption {self.step}")
        batch = self.family.batch(self.config, crops, options.recipe, noise)
        rate = tf.constant(options.rate(self.step), tf.float32)
        step = tf.constant(self.step + 1, tf.float32)
        phase = options.recipe.phase(self.step)
        rows = {name: tf.constant(values) for name, values in batch.items()}
        found = self._update(rows, rate, step, phase)
        loss, auxiliary = (value if value is None else float(value) for value in found)
        for value in (loss, auxiliary):
            if value is not None and not np.isfinite(value):
                raise FloatingPointError(
                    f"loss is {value} at step {self.step}: try a lower learning rate"
                )
        return (None if phase == "encoder" else loss), auxiliary

    def _one_step(self, batch: Batch, rate: Any, step: Any, phase: Phase) -> tuple[Any, Any]:
        recipe = self.options.recipe
        found = gradient(
            self.family,
            self.config,
            self._optimiser.weights,
            batch,
            self.options.batch,
            auxiliary_weight=1.0 if phase == "encoder" else recipe.spectral_weight,
            phase=phase,
        )
        self._optimiser.apply(found.tensors, rate, step)
        return found.loss, found.auxiliary

    def _made_by(self) -> str:
        """Return what must stay the same for a training to go on exactly."""
        options = asdict(self.options)
        for free in ("steps", "decay_steps"):
            del options[free]
        if self.options.recipe == Recipe():
            del options["recipe"]  # as trainings that knew no other were begun
        if self._initial:
            options["initial"] = self._initial
        if self.family.name != FIRST_FAMILY:
            options["family"] = self.family.name
        return json.dumps({"config": self.config.to_dict(), **options}, sort_keys=True)

    def _restore(self) -> None:
        saved = self._folder.load()
        if saved is None:
            return
        if others := _differing(saved.made_by, self._made_by()):
            raise CheckpointError(
                f"{saved.source}: was begun with other sizes or options ({', '.join(others)}); use "
                "the same, or another folder"
            )
        auxiliary = {name: value.shape for name, value in self._auxiliary.items()}
        shapes = {**self.family.tensor_shapes(self.config), **auxiliary}
        self._optimiser.restore(saved.slots(self._optimiser.slots, shapes))
        self.step = saved.step


def _differing(before: str, now: str) -> list[str]:
    """Return the names of what is not the same in two trainings."""
    old, new = json.loads(before), json.loads(now)
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _one_thread_a_tower() -> None:
    """Run towers beside each other instead of splitting each product."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(usable_cores())
    except RuntimeError:
        # TensorFlow runs here already, with threads of another's choice: slower, no worse.
        return
