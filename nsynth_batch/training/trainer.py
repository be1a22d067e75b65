"""Teacher-forced training of any family: crops or streams, gradients, steps, averages, saves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from hdfs_jobs.cores import usable_cores
from nsynth_batch.models.draws import generator
from nsynth_batch.models.family import Batch, Family, StreamFamily, learns_whole_batches
from nsynth_batch.models.recipe import Phase, Recipe
from nsynth_batch.models.weights import (
    FIRST_FAMILY,
    Array,
    CheckpointError,
    ModelConfig,
    Weights,
)
from nsynth_batch.training.batches import Batches
from nsynth_batch.training.checkpoint import ModelFolder
from nsynth_batch.training.corpus import Augmentation, Corpus
from nsynth_batch.training.optimiser import SLOTS, Descent, Optimiser
from nsynth_batch.training.options import Met, TrainingOptions, TrainingProgress, progress_of
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
        If the crops are no whole hops or too short, the steps no whole rounds, streams are to be
        changed as crops can be, a batch that is learned as one is to be exchanged in rounds or
        asynchronously, or `initial` is of other sizes.
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
        if options.steps % options.stride:
            raise ValueError(
                f"{options.steps} steps are no whole rounds of {options.stride}: give "
                f"{options.steps + -options.steps % options.stride}"
            )
        if family.order == "streams" and options.augmentation != Augmentation():
            raise ValueError(f"the family {family.name} learns streams, which are left as they are")
        if options.exchange not in ("alone", "sync") and learns_whole_batches(family, config):
            raise ValueError(
                f"these sizes are normalised over the whole batch, of which a worker of --exchange "
                f"{options.exchange} would see a part: train them with --exchange sync"
            )
        if initial and (initial.family, initial.config) != (family.name, config):
            raise ValueError("the model to begin with is of another family or other sizes")
        # A crop that nothing can be learned from is refused before the work.
        silence = np.zeros((1, options.crop_samples), np.float32)
        family.batch(config, silence, options.recipe, generator(options.seed, "check"))
        one_thread_an_operation(usable_cores())
        self.family, self.config, self.options = family, config, options
        self.step = 0
        self.url = str(folder)
        self._folder = ModelFolder(self.url)
        self.metadata = dict(metadata or {})
        self._initial = initial and initial.digest()
        begins = initial or family.initial(config, options.seed)
        self._auxiliary = family.auxiliary(config, options.recipe, options.seed)
        self._optimiser = Optimiser(
            {**begins.tensors, **self._auxiliary},
            Descent(options.clip_norm, options.average_decay, options.rule),
        )
        self._recordings = ""
        self._state = (
            {k: tf.Variable(v) for k, v in family.state(config, options.batch).items()}
            if isinstance(family, StreamFamily)
            else {}
        )
        self._update = tf.function(self._one_step, reduce_retracing=True, autograph=False)
        self.restore()

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
            See `Batches`.
        FloatingPointError
            If the loss stops being finite; what was saved before stays.
        """
        batches = self.batches(corpus)
        options = self.options
        losses: list[Met] = []
        reported = saved = time.monotonic()
        while self.step < options.steps and not (stop and stop.is_set()):
            losses.append(self._learn(batches.at(self.step)))
            self.step += 1
            now = time.monotonic()
            if on_progress and self.step % report_steps == 0:
                speed = len(losses) * options.batch * options.crop_samples / (now - reported)
                on_progress(progress_of(self.step, options.steps, losses, speed))
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

    def batches(self, corpus: Corpus) -> Batches:
        """Return what is learned of a corpus; streams of other recordings than before begin anew.

        Raises
        ------
        ValueError
            If there is nothing to learn; see `Batches`.
        """
        found = Batches(self.family, self.config, self.options, corpus)
        if self._recordings != found.recordings:
            # Where others were met, a state is of another place.
            for name, value in self._state.items():
                self._state[name].assign(tf.zeros_like(value))
            self._recordings = found.recordings
        return found

    @property
    def saved_step(self) -> int:
        """The step that the folder holds; 0 where it holds nothing that was learned."""
        saved = self._folder.load()
        return 0 if saved is None else saved.step

    @property
    def saved_bytes(self) -> int:
        """Bytes that the saved model and training take, the ones before and the new together."""
        sizes = [sum(v.nbytes for v in slot.values()) for slot in self._optimiser.state().values()]
        return 2 * (sum(sizes) + sizes[0])

    def averaged(self) -> Weights[Any]:
        """Return the averaged weights."""
        metadata = {**self.metadata, "step": str(self.step)}
        averaged = self._optimiser.averaged()
        tensors = {name: v for name, v in averaged.items() if name not in self._auxiliary}
        return Weights(self.config, tensors, metadata, self.family.name)

    def save(self) -> Weights[Any]:
        """Write the averaged weights and the training, both or neither; return the former."""
        model = self.averaged()
        state = self._optimiser.state()
        if self._state:
            state["streams"] = {name: v.numpy() for name, v in self._state.items()}
        self._folder.save(self.step, model, state, self.made_by, self._recordings)
        return model

    def finish(self, model: Weights[Any]) -> None:
        """Put a model that was fitted since into the place of the one that was saved last."""
        self._folder.finish(self.step, model)

    def _learn(self, batch: Mapping[str, Array]) -> Met:
        """Make one step; return its loss and what is reported beside it."""
        options = self.options
        rate = tf.constant(options.rate(self.step), tf.float32)
        step = tf.constant(self.step + 1, tf.float32)
        phase = options.recipe.phase(self.step)
        rows = {name: tf.constant(values) for name, values in batch.items()}
        found = self._update(rows, rate, step, phase)
        loss, auxiliary = (value if value is None else float(value) for value in found[:2])
        for value in (loss, auxiliary):
            if value is not None and not np.isfinite(value):
                raise FloatingPointError(f"loss is {value} at step {self.step}")
        beside = {name: float(value) for name, value in found[2].items()}
        return Met(None if phase == "encoder" else loss, auxiliary, beside)

    def _one_step(self, batch: Batch, rate: Any, step: Any, phase: Phase) -> tuple[Any, ...]:
        recipe = self.options.recipe
        found = gradient(
            self.family,
            self.config,
            self._optimiser.weights,
            batch,
            self.options.batch,
            auxiliary_weight=1.0 if phase == "encoder" else recipe.spectral_weight,
            phase=phase,
            state=self._state or None,
        )
        self._optimiser.apply(found.tensors, rate, step, found.averaged)
        for name, value in found.state.items():
            self._state[name].assign(value)
        return found.loss, found.auxiliary, found.beside

    @property
    def made_by(self) -> str:
        """What must stay the same for a training to go on exactly, as JSON."""
        options = asdict(self.options)
        for free in ("steps", "decay_steps"):
            del options[free]
        del options["recipe"]["fitted"]  # no part of what is learned
        if self.options.recipe == Recipe():
            del options["recipe"]  # as trainings that knew no other were begun
        else:
            for later in ("seeded_windows", "keep_encoder"):
                if not options["recipe"][later]:
                    del options["recipe"][later]  # likewise
        if self.options.exchange == "alone":
            del options["exchange"]  # likewise
        if self.options.exchange != "rounds":
            del options["local_steps"]
        if self.options.rule == "adam":
            del options["rule"]
        if self._initial:
            options["initial"] = self._initial
        if self.family.name != FIRST_FAMILY:
            options["family"] = self.family.name
        return json.dumps({"config": self.config.to_dict(), **options}, sort_keys=True)

    def restore(self) -> None:
        """Take over what the folder holds, if it holds a training.

        Raises
        ------
        CheckpointError
            If it is of other sizes or options, or damaged.
        """
        saved = self._folder.load()
        if saved is None:
            return
        if others := differing(saved.made_by, self.made_by):
            raise CheckpointError(
                f"{saved.source}: was begun with other sizes or options ({', '.join(others)}); use "
                "the same, or another folder"
            )
        auxiliary = {name: value.shape for name, value in self._auxiliary.items()}
        shapes = {**self.family.tensor_shapes(self.config), **auxiliary}
        self._optimiser.restore(saved.slots(SLOTS, shapes))
        if self._state:
            kept = {name: tuple(value.shape) for name, value in self._state.items()}
            for name, value in saved.slots(("streams",), kept)["streams"].items():
                self._state[name].assign(value)
        self._recordings = saved.recordings
        self.step = saved.step


def differing(before: str, now: str) -> list[str]:
    """Return the names of what is not the same in two trainings."""
    old, new = json.loads(before), json.loads(now)
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def one_thread_an_operation(at_once: int) -> None:
    """Run so many operations beside each other instead of splitting each product."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(at_once)
    except RuntimeError:
        # TensorFlow runs here already, with threads of another's choice: slower, no worse.
        return
