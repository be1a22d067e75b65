"""The model as a run uses it: how exact, on what, and with how much of each worker's machine."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import replace
from functools import cached_property

from hdfs_jobs.cores import usable_cores
from hdfs_jobs.errors import UsageError
from nsynth_batch.models.autoencoder import Autoencoder
from nsynth_batch.models.checkpoint import portable_name
from nsynth_batch.models.engine import GPU
from nsynth_batch.models.loading import (
    chosen_engine,
    load_model,
    memory_errors_as_usage,
    open_model,
)
from nsynth_batch.models.machine import allowed_memory
from nsynth_batch.models.model import LoadedModel
from nsynth_batch.models.spec import ModelSpec
from nsynth_batch.pipeline import sharding
from nsynth_batch.pipeline.cost import decoder_rate
from nsynth_batch.settings.choices import PrecisionChoice
from nsynth_batch.settings.settings import Settings
from nsynth_batch.text import size
from sequencer.text import counted


def planned_spec(settings: Settings) -> ModelSpec:
    """Return the model of some settings, with the threads and the memory to plan a worker with.

    This machine is shared among its workers unless the settings set either. Of the machines
    behind a scheduler nothing is known before a task is on them, and TensorFlow may take a GPU's
    memory, which is not the machine's: `memory` is None there.
    """
    engine = chosen_engine(settings.engine)
    spec = ModelSpec(
        portable_name(settings.checkpoint),
        engine,
        settings.precision,
        threads=settings.threads or 1,
        memory=settings.memory,
    )
    if settings.scheduler is not None or engine != "native":
        return spec
    return replace(
        spec,
        threads=settings.threads or max(1, usable_cores() // settings.workers),
        memory=settings.memory or allowed_memory(None) // settings.workers,
    )


def open_autoencoder(settings: Settings) -> Autoencoder:
    """Return the model of some settings, to encode and decode with in this process.

    Raises
    ------
    UsageError
        If it cannot be had, or has no encodings.
    """
    model = load_model(
        settings.checkpoint,
        settings.engine,
        threads=settings.threads,
        memory=settings.memory,
        precision=settings.precision,
    )
    return _autoencoder(_with_temperature(model, settings), settings)


def _with_temperature(model: LoadedModel, settings: Settings) -> LoadedModel:
    if settings.temperature != 1 and not model.has_temperature:
        raise UsageError(
            f"--temperature {settings.temperature:g}: {settings.checkpoint} is of the family "
            f"{model.family}, which draws no samples and has none"
        )
    return model


def _autoencoder(model: LoadedModel, settings: Settings) -> Autoencoder:
    if not isinstance(model, Autoencoder):
        raise UsageError(
            f"{settings.checkpoint} is of the family {model.family}, which has no encodings"
        )
    return model


class RunModel:
    """The model of a run in this process, where it is planned: what it is decides what is written.

    Parameters
    ----------
    settings : Settings
        What is run.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._spec = planned_spec(settings)

    @cached_property
    def encoder(self) -> LoadedModel:
        """What encodes: float32 always, for encodings are kept and decoded again and again."""
        return _autoencoder(self._open("float32"), self._settings)

    @cached_property
    def decoder(self) -> LoadedModel:
        """What decodes, in the precision that the settings ask for."""
        return _with_temperature(self._open(self._settings.precision), self._settings)

    def require(self, parts: Collection[str | None], samples: int) -> None:
        """Find out now, not after hours, whether the model that some steps need can be had.

        Parameters
        ----------
        parts : collection of {"encoder", "decoder", None}
            What each step needs of it.
        samples : int
            Of a clip: one at least has to fit.

        Raises
        ------
        UsageError
            If it cannot, or has not the memory for a single clip.
        """
        if "encoder" in parts:
            _ = self.encoder
        if "decoder" in parts:
            self.memory_note(1, samples)

    def require_rate(self, sample_rate: int, what: str) -> None:
        """Refuse audio of another sample rate than the model's.

        Parameters
        ----------
        sample_rate : int
            Of the audio, in Hz.
        what : str
            The audio, with its verb, for the message.

        Raises
        ------
        UsageError
            If they differ; it names both.
        """
        wanted = self.encoder.sample_rate
        if sample_rate != wanted:
            raise UsageError(
                f"the model {self._settings.checkpoint} reads audio of {wanted} Hz, and {what} of "
                f"{sample_rate} Hz: cut them with --sample-rate {wanted}, or use another "
                "--checkpoint"
            )

    def memory_note(self, clips: int, samples: int) -> str:
        """Return a line on what a task takes that decodes some clips, resumed where the engine can.

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
        engine = self.decoder.engine
        with memory_errors_as_usage():
            needs = engine.needs([samples] * clips, resumed=engine.resumes)
        facts = self.decoder.facts()
        allowed = "" if self._spec.memory is None else f" of {size(self._spec.memory)}"
        line = (
            f"{counted(clips, 'clip')} a task, {needs.batch} at once in "
            f"{size(needs.memory)}{allowed} a worker; "
            f"{facts['engine']}, {facts['precision']}, {facts['instruction_set']}"
        )
        if (
            self._spec.engine == "native"
            and self._settings.scheduler
            and not self._settings.threads
        ):
            line += "; planned for 1 thread a worker: --threads says how many they have"
        return line

    def batch_size(self, mashups: int, seconds: float) -> int:
        """Return how many mash-ups a task decodes where the settings leave it open.

        Parameters
        ----------
        mashups : int
            How many there are.
        seconds : float
            How long they are together.
        """
        model, clip_seconds = self.decoder, seconds / max(1, mashups)
        most = model.engine.full_batch(round(clip_seconds * model.sample_rate))
        if not model.resumes and model.engine.instruction_set != GPU:
            # Where a killed task begins anew, it had better be short.
            rate = decoder_rate(model)
            most = min(most, sharding.most_at_once(clip_seconds, rate))
        return sharding.batch_size(mashups, most)

    def spec(self, model: LoadedModel) -> ModelSpec:
        """Return the spec of `encoder` or `decoder` that workers get: they refuse any other.

        Parameters
        ----------
        model : LoadedModel
            One of the two.
        """
        return replace(self._spec.settled(model.facts()), threads=self._settings.threads)

    def _open(self, precision: PrecisionChoice) -> LoadedModel:
        spec = replace(self._spec, precision=precision)
        if spec.engine != "native":
            # TensorFlow keeps its first number of threads as long as a process lives.
            spec = replace(spec, threads=None)
        elif spec.memory is None:
            # The workers' machines may have another memory than this one.
            spec = replace(spec, memory=sys.maxsize)
        model: LoadedModel = open_model(spec)
        return model
