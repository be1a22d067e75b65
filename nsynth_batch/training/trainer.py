"""Teacher-forced training of any family: crops or streams, gradients, steps, averages, saves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from hdfs_jobs.cores import usable_cores
from nsynth_batch.models.draws import generator
from nsynth_batch.models.family import Batch, Family, StreamFamily
from nsynth_batch.models.recipe import Phase, Recipe
from nsynth_batch.models.weights import (
    FIRST_FAMILY,
    Array,
    CheckpointError,
    ModelConfig,
    Weights,
)
from nsynth_batch.training.checkpoint import ModelFolder
from nsynth_batch.training.corpus import Augmentation, Corpus
from nsynth_batch.training.optimiser import Optimiser
from nsynth_batch.training.options import TrainingOptions, TrainingProgress
from nsynth_batch.training.reducer import gradient
from nsynth_batch.training.streams import Streams


@dataclass(frozen=True)
class _Learned:
    """What a step has met: its loss, its auxiliary error, and what is reported beside them."""

    loss: float | None
    auxiliary: float | None
    beside: Mapping[str, float]


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
        If the crops are no whole hops or too short, streams are to be changed as crops can be, or
        `initial` is of other sizes.
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
        if family.order == "streams" and options.augmentation != Augmentation():
            raise ValueError(f"the family {family.name} learns streams, which are left as they are")
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
        self._streams: Streams | None = None
        self._recordings = ""
        self._state = (
            {k: tf.Variable(v) for k, v in family.state(config, options.batch).items()}
            if isinstance(family, StreamFamily)
            else {}
        )
        self._update = tf.function(self._one_step, reduce_retracing=True, autograph=False)
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
            See `check_corpus`.
        FloatingPointError
            If the loss stops being finite.
        """
        self.check_corpus(corpus)
        options = self.options
        losses: list[_Learned] = []
        reported = saved = time.monotonic()
        while self.step < options.steps and not (stop and stop.is_set()):
            losses.append(self._learn(*self._rows(corpus)))
            self.step += 1
            now = time.monotonic()
            if on_progress and self.step % report_steps == 0:
                speed = len(losses) * options.batch * options.crop_samples / (now - reported)
                on_progress(_progress(self.step, options.steps, losses, speed))
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

    def check_corpus(self, corpus: Corpus) -> None:
        """Find out before the work whether a corpus can be learned.

        Raises
        ------
        ValueError
            If it holds no samples, is of another sample rate, or shorter than a stream's piece.
        """
        if not corpus.seconds:
            raise ValueError("nothing to train on: the corpus holds no samples")
        if corpus.sample_rate != self.config.sample_rate:
            raise ValueError(
                f"the corpus is at {corpus.sample_rate} Hz, the model at "
                f"{self.config.sample_rate} Hz"
            )
        if self.family.order != "streams":
            return
        options = self.options
        self._streams = Streams(
            corpus,
            options.batch,
            length=options.crop_samples,
            overlap=self.config.hop,
            seed=options.seed,
        )
        if self._recordings != self._streams.digest:
            # Where others were met, a state is of another place: all streams begin anew.
            for name, value in self._state.items():
                self._state[name].assign(tf.zeros_like(value))
            self._recordings = self._streams.digest

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
        state = self._optimiser.state()
        if self._state:
            state["streams"] = {name: v.numpy() for name, v in self._state.items()}
        self._folder.save(self.step, model, state, self._made_by(), self._recordings)
        return model

    def _rows(self, corpus: Corpus) -> tuple[Array, dict[str, Array]]:
        """Return the crops of the next step, and what a loss has to know of them."""
        if self._streams is not None:
            found = self._streams.at(self.step)
            return found.crops, {"samples": found.samples, "begins": found.begins}
        options = self.options
        crops = corpus.crops(
            self.step, options.batch, options.crop_samples, options.seed, options.augmentation
        )
        return crops, {}

    def _learn(self, crops: Array, more: Mapping[str, Array]) -> _Learned:
        """Make one step; return its loss and what is reported beside it."""
        options = self.options
        noise = generator(options.seed, f"corruption {self.step}")
        batch = {**self.family.batch(self.config, crops, options.recipe, noise), **more}
        rate = tf.constant(options.rate(self.step), tf.float32)
        step = tf.constant(self.step + 1, tf.float32)
        phase = options.recipe.phase(self.step)
        rows = {name: tf.constant(values) for name, values in batch.items()}
        found = self._update(rows, rate, step, phase)
        loss, auxiliary = (value if value is None else float(value) for value in found[:2])
        for value in (loss, auxiliary):
            if value is not None and not np.isfinite(value):
                raise FloatingPointError(
                    f"loss is {value} at step {self.step}: try a lower learning rate"
                )
        beside = {name: float(value) for name, value in found[2].items()}
        return _Learned(None if phase == "encoder" else loss, auxiliary, beside)

    def _one_step(self, batch: Batch, rate: Any, step: Any, phase: Phase) -> tuple[Any, ...]:
        recipe, state = self.options.recipe, None
        if self._state:
            batch = dict(batch)
            keep = 1.0 - batch.pop("begins")
            state = {
                name: value * tf.reshape(keep, [-1, *[1] * (len(value.shape) - 1)])
                for name, value in self._state.items()
            }
        found = gradient(
            self.family,
            self.config,
            self._optimiser.weights,
            batch,
            self.options.batch,
            auxiliary_weight=1.0 if phase == "encoder" else recipe.spectral_weight,
            phase=phase,
            state=state,
        )
        self._optimiser.apply(found.tensors, rate, step)
        for name, value in found.state.items():
            self._state[name].assign(value)
        return found.loss, found.auxiliary, found.beside

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
        if self._state:
            kept = {name: tuple(value.shape) for name, value in self._state.items()}
            for name, value in saved.slots(("streams",), kept)["streams"].items():
                self._state[name].assign(value)
        self._recordings = saved.recordings
        self.step = saved.step


def _differing(before: str, now: str) -> list[str]:
    """Return the names of what is not the same in two trainings."""
    old, new = json.loads(before), json.loads(now)
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def _progress(step: int, steps: int, learned: Sequence[_Learned], speed: float) -> TrainingProgress:
    """Return the means of some steps."""
    beside = {
        name: float(np.mean([one.beside[name] for one in learned])) for name in learned[-1].beside
    }
    loss, auxiliary = _mean(one.loss for one in learned), _mean(one.auxiliary for one in learned)
    return TrainingProgress(step, steps, loss, auxiliary, speed, beside)


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
