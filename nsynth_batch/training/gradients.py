"""What workers do in a training: the gradients of crops, their sums, the next step.

The gradients of a step's crops, or of its groups of streams, are added in a tree that their places
fix, so that the weights are the same, bit for bit, whatever the number of workers and whoever died:
for one version of TensorFlow and one instruction set, with one thread an operation. In ``rounds``
each crop, or group, has weights of its own for some steps, of which the mean is made that way. In
``async`` a piece is what is learned at once and applied by itself: the crops of a step, added in
that tree, or a group of streams.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import tensorflow as tf

from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.round_tasks import tree_sum
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.models.family import family_named
from nsynth_batch.models.machine import processor_instruction_set
from nsynth_batch.models.weights import Array, ModelConfig, Weights
from nsynth_batch.training.checkpoint import ModelFolder
from nsynth_batch.training.corpus_file import published_corpus
from nsynth_batch.training.learner import Learned, Learner, Trained, added
from nsynth_batch.training.optimiser import SLOTS
from nsynth_batch.training.options import ROWS, Met, TrainingOptions
from nsynth_batch.training.trainer import Trainer, one_thread_an_operation

Rows = Mapping[str, Array]

_MAKING = threading.Lock()


@dataclass
class TrainingRounds:
    """What all trainings on workers are; see `hdfs_jobs.runs.round_tasks.Rounds`.

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
    _learner: Learner | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, trainer: Trainer, corpus: str) -> Self:
        """Return what the workers of a training do; they are to have this process's TensorFlow.

        Parameters
        ----------
        trainer : Trainer
            Saved.
        corpus : str
            What `publish_corpus` called the corpus in its folder.
        """
        return cls(
            family=trainer.family.name,
            config=trainer.config,
            options=trainer.options,
            url=trainer.url,
            corpus=corpus,
            made_by=trainer.made_by,
            metadata=trainer.metadata,
            tensorflow=str(tf.__version__),
            instruction_set=processor_instruction_set(),
        )

    @property
    def parts(self) -> int:
        """How many crops a step has, or groups of streams."""
        return -(-self.options.batch // ROWS[family_named(self.family).order])

    @property
    def lanes(self) -> int:
        """Groups of streams, which go on where they were; 0 for crops, which hang on none."""
        return self.parts if family_named(self.family).order == "streams" else 0

    @property
    def pieces(self) -> int:
        """How many pieces a step of ``async`` has: groups of streams, or one of all its crops."""
        return self.lanes or 1

    def load(self) -> tuple[int, Trained]:
        """Return what the training's folder holds."""
        saved = ModelFolder(self.url).load()
        if saved is None:
            raise UsageError(f"{self.url}: the training is missing; begin it anew")
        learner = self.ready()
        slots = saved.slots(SLOTS, learner.shapes)
        streams = learner.streams
        if streams and saved.recordings == learner.batches.recordings:
            shapes = {name: value.shape for name, value in streams.items()}
            streams = saved.slots(("streams",), shapes)["streams"]
        return self.number(saved.step), Trained(slots, streams)

    def add(self, a: Learned, b: Learned) -> Learned:
        """Return what two of them teach together."""
        return added(a, b)

    def apply(self, state: Trained, number: int, total: Learned) -> Trained:
        """Return the weights after a round."""
        options = self.options
        if options.exchange == "async":
            return self.ready().apply(state, number // self.pieces, total, number)
        if options.exchange != "rounds":
            return self.ready().apply(state, number, total)
        return self.ready().average(state, number * options.stride, total, self.parts)

    def report(self, state: Trained, number: int) -> tuple[Met, float]:
        """Return what the last step met, and the seconds that its gradients took together."""
        return state.met, state.seconds

    def save(self, state: Trained, number: int) -> None:
        """Write model and training into the folder."""
        learner = self.ready()
        step = self.step(number)
        metadata = {**self.metadata, "step": str(step)}
        averaged = state.slots["average"]
        tensors = {n: v for n, v in averaged.items() if n not in learner.auxiliary}
        model = Weights(self.config, tensors, metadata, self.family)
        slots = {**state.slots, "streams": state.streams} if state.streams else state.slots
        recordings = learner.batches.recordings
        ModelFolder(self.url).save(step, model, slots, self.made_by, recordings)

    def step(self, number: int) -> int:
        """Return how many whole steps so many rounds are, or so many pieces."""
        if self.options.exchange == "async":
            return number // self.pieces
        return number * self.options.stride

    def number(self, step: int) -> int:
        """Return how many rounds so many steps are, or pieces."""
        if self.options.exchange == "async":
            return step * self.pieces
        return step // self.options.stride

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_learner": None}

    def ready(self) -> Learner:
        """Return what this process learns with; it is made once.

        Raises
        ------
        UsageError
            If sums of this process could have other bits than those of others.
        """
        with _MAKING:
            if self._learner is None:
                where, at_once = _worker()
                one_thread_an_operation(at_once)
                self._check(where)
                corpus = published_corpus(open_storage(self.url), self.corpus)
                self._learner = Learner(self.family, self.config, self.options, corpus)
        return self._learner

    def _check(self, where: str) -> None:
        found = {
            "TensorFlow": (str(tf.__version__), self.tensorflow),
            "instruction set": (processor_instruction_set(), self.instruction_set),
            "threads an operation": (tf.config.threading.get_intra_op_parallelism_threads(), 1),
        }
        for what, (has, wanted) in found.items():
            if has != wanted:
                raise UsageError(
                    f"worker {where} has {what} {has} instead of {wanted}: its sums could have "
                    "other bits; start workers afresh, with the versions that this command has"
                )


@dataclass
class Gradients(TrainingRounds):
    """A training of which each crop, or group of streams, is learned by itself."""

    def part(self, state: Trained, number: int, index: int) -> Learned:
        """Return what a crop of each step of a round teaches, or a group of streams.

        In ``async`` the index is that of a piece, from the first of the training on.
        """
        options = self.options
        if options.exchange == "async":
            step, group = divmod(index, self.pieces)
            of = [group] if self.lanes else range(options.batch)
            learn = self.ready().learn
            total: Learned = tree_sum(of, lambda k: learn(state, step, k), added)
            return total
        if options.exchange != "rounds":
            return self.ready().learn(state, number, index)
        first = number * options.stride
        return self.ready().walk(state, range(first, first + options.stride), index)


def _worker() -> tuple[str, int]:
    """Return the address of this process as a worker of Dask's, and its tasks at once."""
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:
        return "of this process", 1
    return worker.address, int(worker.state.nthreads)
