"""The model as a run uses it: how exact, on what, and with how much of each worker's machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

from nsynth_batch.models.engine import GPU, EngineName, Precision, ResumableEngine
from nsynth_batch.models.machine import allowed_memory
from nsynth_batch.models.precision import PrecisionChoice
from nsynth_batch.models.wavenet.config import SAMPLE_RATE
from nsynth_batch.models.wavenet.model import Model, chosen_engine
from nsynth_batch.pipeline import sharding
from nsynth_batch.pipeline.cost import estimated_rate
from nsynth_batch.settings import Settings
from nsynth_batch.stages.model_stage import located, memory_is_a_setting, open_model
from nsynth_batch.text import size


@dataclass(frozen=True)
class Share:
    """What one worker may take.

    Attributes
    ----------
    threads
        Of its engine, to plan with.
    memory
        Bytes; none where a worker has to find out by itself.
    """

    threads: int
    memory: int | None


class ModelFields(TypedDict):
    """What a stage is told of its model."""

    checkpoint: str
    engine: EngineName
    precision: Precision
    instruction_set: str | None
    threads: int | None
    memory: int | None


def share_of_worker(settings: Settings) -> Share:
    """Share this machine among its workers, or take what the settings say.

    Of the machines behind a scheduler nothing is known before a task is on them, and TensorFlow
    may take a GPU's memory, which is not the machine's.
    """
    if settings.scheduler is not None or chosen_engine(settings.engine) != "native":
        return Share(settings.threads or 1, settings.memory)
    from dask.system import CPU_COUNT

    threads = settings.threads or max(1, CPU_COUNT // settings.workers)
    return Share(threads, settings.memory or allowed_memory(None) // settings.workers)


class Models:
    """The model of a run in this process, where it is planned: what it is decides what is written.

    Parameters
    ----------
    settings : Settings
        What is run.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._share = share_of_worker(settings)
        self._engine = chosen_engine(settings.engine)

    @cached_property
    def encoder(self) -> Model:
        """What encodes: float32 always, for encodings are kept and decoded again and again."""
        return self._open("float32")

    @cached_property
    def decoder(self) -> Model:
        """What decodes, in the precision that the settings ask for."""
        return self._open(self._settings.precision)

    def require(self, names: Sequence[str], samples: int) -> None:
        """Find out now, not after hours, whether the model of some stages can be had.

        Parameters
        ----------
        names : sequence of str
            The datasets that are to be written.
        samples : int
            Of a clip: one at least has to fit.

        Raises
        ------
        UsageError
            If it cannot, or has not the memory for a single clip.
        """
        if "encodings" in names:
            _ = self.encoder
        if "clips" in names:
            self.room(1, samples)

    def room(self, clips: int, samples: int) -> str:
        """Say what a task takes that decodes some clips, gone on with where the engine can.

        Parameters
        ----------
        clips : int
            Of the task.
        samples : int
            Of the longest.

        Raises
        ------
        UsageError
            If it is more memory than a worker may take.
        """
        engine, lengths = self.decoder.engine, [samples] * clips
        with memory_is_a_setting():
            if isinstance(engine, ResumableEngine):
                needs = engine.plan_decode(lengths, resumes=True)
            else:
                needs = engine.plan_decode(lengths)
        facts = self.decoder.facts()
        allowed = "" if self._share.memory is None else f" of {size(self._share.memory)}"
        line = (
            f"{clips} clips a task, {needs.batch} at once in {size(needs.memory)}{allowed} a "
            f"worker; {facts['engine']}, {facts['precision']}, {facts['instruction_set']}"
        )
        if self._engine == "native" and self._settings.scheduler and not self._settings.threads:
            line += "; planned for 1 thread a worker: --threads says how many they have"
        return line

    def batch_size(self, mashups: int, seconds: float) -> int:
        """Choose how many mash-ups a task decodes where the settings do not say it.

        Parameters
        ----------
        mashups : int
            How many there are.
        seconds : float
            How long they are together.
        """
        model, clip_seconds = self.decoder, seconds / max(1, mashups)
        most = model.engine.full_batch(round(clip_seconds * SAMPLE_RATE))
        if not model.resumes and model.engine.instruction_set != GPU:
            # Where a killed task begins anew, it had better be short.
            rate = estimated_rate("clips", model.config)
            most = min(most, sharding.most_at_once(clip_seconds, rate))
        return sharding.batch_size(mashups, most)

    def fields(self, model: Model) -> ModelFields:
        """Freeze for the workers what a model is: who cannot keep to it refuses."""
        engine = model.engine
        return {
            "checkpoint": located(self._settings.checkpoint),
            "engine": self._engine,
            "precision": engine.precision,
            "instruction_set": engine.instruction_set if self._engine == "native" else None,
            "threads": self._settings.threads,
            "memory": self._share.memory,
        }

    def _open(self, precision: PrecisionChoice) -> Model:
        threads, memory = self._share.threads, self._share.memory
        if self._engine == "native":
            # This machine's own memory says nothing of the workers' elsewhere.
            memory = sys.maxsize if memory is None else memory
        return open_model(
            located(self._settings.checkpoint),
            self._engine,
            # TensorFlow keeps its first number of threads as long as a process lives.
            threads if self._engine == "native" else None,
            precision=precision,
            memory=memory,
        )
