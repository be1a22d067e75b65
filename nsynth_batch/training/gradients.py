"""What workers of a synchronous training do: the gradients of crops, their sums, the next step.

The gradients of a step's crops, or of its groups of streams, are added in a tree that their places
fix, so that the weights are the same, bit for bit, whatever the number of workers and whoever died:
for one version of TensorFlow and one instruction set, with one thread an operation.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.models.family import StreamFamily, family_named
from nsynth_batch.models.machine import processor_instruction_set
from nsynth_batch.models.recipe import Phase
from nsynth_batch.models.weights import Array, ModelConfig, Weights
from nsynth_batch.training.batches import Batches
from nsynth_batch.training.checkpoint import ModelFolder
from nsynth_batch.training.corpus_file import published_corpus
from nsynth_batch.training.optimiser import Optimiser
from nsynth_batch.training.options import ROWS, Met, TrainingOptions
from nsynth_batch.training.reducer import gradient
from nsynth_batch.training.trainer import one_thread_an_operation

Rows = Mapping[str, Array]

_MAKING = threading.Lock()


@dataclass(frozen=True)
class Learned:
    """What some rows teach: sums over their samples.

    Attributes
    ----------
    tensors : list of float32 arrays
        Of the gradient, in the order of the weights.
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
    """

    tensors: list[Array]
    count: float
    loss: float
    auxiliary: float
    beside: Mapping[str, float]
    streams: Mapping[int, Rows]
    seconds: float


@dataclass(frozen=True)
class Trained:
    """Weights and all that is beside them, and what the last step was like.

    Attributes
    ----------
    slots : mapping of str to mapping of str to arrays
        As `Optimiser.state` returns it.
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


@dataclass
class Gradients:
    """The iteration of a synchronous training; see `hdfs_jobs.runs.round_tasks.Iteration`.

    Attributes
    ----------
    family, config, options
        As of the trainer.
    url : str
        The training's folder, which every worker reaches.
    corpus : str
        What `publish_corpus` called the corpus there.
    made_by : str
        As of the trainer.
    metadata : mapping of str to str
        Of the model's file.
    tensorflow, instruction_set : str
        Which every worker must have.
    """

    family: str
    config: ModelConfig
    options: TrainingOptions
    url: str
    corpus: str
    made_by: str
    metadata: Mapping[str, str]
    tensorflow: str
    instruction_set: str
    _learner: _Learner | None = field(default=None, repr=False, compare=False)

    @property
    def parts(self) -> int:
        """How many crops a step has, or groups of streams."""
        return -(-self.options.batch // ROWS[family_named(self.family).order])

    def load(self) -> tuple[int, Trained]:
        """Return what the training's folder holds."""
        saved = ModelFolder(self.url).load()
        if saved is None:
            raise UsageError(f"{self.url}: the training is missing; begin it anew")
        learner = self._ready()
        slots = saved.slots(learner.optimiser.slots, learner.shapes)
        streams = learner.streams
        if streams and saved.recordings == learner.batches.recordings:
            shapes = {name: value.shape for name, value in streams.items()}
            streams = saved.slots(("streams",), shapes)["streams"]
        return saved.step, Trained(slots, streams)

    def part(self, state: Trained, number: int, index: int) -> Learned:
        """Return the gradient of a crop, or of a group of streams."""
        return self._ready().learn(state, number, index)

    def add(self, a: Learned, b: Learned) -> Learned:
        """Return what two of them teach together."""
        return Learned(
            [x + y for x, y in zip(a.tensors, b.tensors, strict=True)],
            a.count + b.count,
            a.loss + b.loss,
            a.auxiliary + b.auxiliary,
            {name: value + b.beside[name] for name, value in a.beside.items()},
            {**a.streams, **b.streams},
            a.seconds + b.seconds,
        )

    def apply(self, state: Trained, number: int, total: Learned) -> Trained:
        """Return the weights after a step."""
        return self._ready().apply(state, number, total)

    def report(self, state: Trained, number: int) -> tuple[Met, float]:
        """Return what the last step met, and the seconds that its gradients took together."""
        return state.met, state.seconds

    def save(self, state: Trained, number: int) -> None:
        """Write model and training into the folder."""
        learner = self._ready()
        metadata = {**self.metadata, "step": str(number)}
        averaged = state.slots["average"]
        tensors = {n: v for n, v in averaged.items() if n not in learner.auxiliary}
        model = Weights(self.config, tensors, metadata, self.family)
        slots = {**state.slots, "streams": state.streams} if state.streams else state.slots
        recordings = learner.batches.recordings
        ModelFolder(self.url).save(number, model, slots, self.made_by, recordings)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_learner": None}

    def _ready(self) -> _Learner:
        with _MAKING:
            if self._learner is None:
                one_thread_an_operation(_tasks_at_once())
                self._check()
                self._learner = _Learner(self)
        return self._learner

    def _check(self) -> None:
        found = {
            "TensorFlow": (str(tf.__version__), self.tensorflow),
            "instruction set": (processor_instruction_set(), self.instruction_set),
            "threads an operation": (tf.config.threading.get_intra_op_parallelism_threads(), 1),
        }
        for what, (has, wanted) in found.items():
            if has != wanted:
                raise UsageError(
                    f"a worker has {what} {has} instead of {wanted}: its sums could have other "
                    "bits; start workers afresh, with the versions that this command has"
                )


class _Learner:
    """What a worker's process makes once: the corpus, the graph, variables for weights."""

    def __init__(self, work: Gradients) -> None:
        self._work = work
        self._family = family_named(work.family)
        options, config = work.options, work.config
        corpus = published_corpus(open_storage(work.url), work.corpus)
        self.batches = Batches(self._family, config, options, corpus)
        self.auxiliary = self._family.auxiliary(config, options.recipe, options.seed)
        self.streams: Rows = {}
        if isinstance(self._family, StreamFamily):
            self.streams = self._family.state(config, options.batch)
        self.shapes = {
            **self._family.tensor_shapes(config),
            **{name: value.shape for name, value in self.auxiliary.items()},
        }
        zeros = {name: np.zeros(shape, np.float32) for name, shape in self.shapes.items()}
        self.optimiser = Optimiser(
            zeros, clip_norm=options.clip_norm, average_decay=options.average_decay
        )
        self._rows = ROWS[self._family.order]
        self._last: tuple[int, Rows] = (-1, {})
        # A worker of several threads does several tasks at once.
        self._reading, self._applying = threading.Lock(), threading.Lock()
        self._gradient = tf.function(self._sums, reduce_retracing=True, autograph=False)
        self._step = tf.function(self.optimiser.apply, reduce_retracing=True, autograph=False)

    def learn(self, state: Trained, number: int, index: int) -> Learned:
        """Return what a crop of a step teaches, or a group of its streams."""
        begun = time.perf_counter()
        rows = slice(index * self._rows, (index + 1) * self._rows)
        batch = {name: tf.constant(values[rows]) for name, values in self._batch(number).items()}
        before = {name: tf.constant(values[rows]) for name, values in state.streams.items()}
        weights = {name: tf.constant(state.slots["weights"][name]) for name in self.shapes}
        phase = self._work.options.recipe.phase(number)
        found = self._gradient(weights, batch, before, phase)
        tensors, count, loss, auxiliary, beside, after = tf.nest.map_structure(_known, found)
        numbers = [loss, *([] if auxiliary is None else [auxiliary]), *tensors]
        if not all(np.isfinite(value).all() for value in numbers):
            what = (
                f"crop {index}" if self._rows == 1 else f"streams {rows.start} to {rows.stop - 1}"
            )
            raise FloatingPointError(
                f"loss or gradient is not finite at step {number}, {what}: the loss is "
                f"{loss / count}"
            )
        return Learned(
            tensors,
            float(count),
            float(loss),
            np.nan if auxiliary is None else float(auxiliary),
            {name: float(value) for name, value in beside.items()},
            {index: after} if after else {},
            time.perf_counter() - begun,
        )

    def apply(self, state: Trained, number: int, total: Learned) -> Trained:
        """Return the weights after a step."""
        count = np.float32(total.count)
        with self._applying:
            self.optimiser.restore(state.slots)
            self._step(
                [tf.constant(tensor / count) for tensor in total.tensors],
                tf.constant(self._work.options.rate(number), tf.float32),
                tf.constant(number + 1, tf.float32),
            )
            slots = self.optimiser.state()
        phase = self._work.options.recipe.phase(number)
        met = Met(
            None if phase == "encoder" else total.loss / total.count,
            None if np.isnan(total.auxiliary) else total.auxiliary / total.count,
            {name: value / total.count for name, value in total.beside.items()},
        )
        groups = [total.streams[index] for index in sorted(total.streams)]
        streams = {
            name: np.concatenate([group[name] for group in groups]) for name in state.streams
        }
        return Trained(slots, streams, met, total.seconds)

    def _batch(self, number: int) -> Rows:
        """Return the batch of a step, of which a worker learns several rows in turn."""
        with self._reading:
            last, batch = self._last
            if last != number:
                batch = self.batches.at(number)
                self._last = number, batch
        return batch

    def _sums(self, weights: Any, batch: Any, streams: Any, phase: Phase) -> tuple[Any, ...]:
        recipe = self._work.options.recipe
        found = gradient(
            self._family,
            self._work.config,
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


def _tasks_at_once() -> int:
    """Return how many tasks this process does at once, as a worker of Dask's."""
    from distributed import get_worker

    try:
        return int(get_worker().state.nthreads)
    except ValueError:
        return 1
