"""Clips out of a model alone."""

from __future__ import annotations

from collections.abc import Generator as PythonGenerator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from hdfs_jobs.canonical_json import Json, derived_id
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.runs.stage import Counted, Rejected, Task
from nsynth_batch.models.code_generator import CodeGenerator
from nsynth_batch.models.draws import Draws
from nsynth_batch.models.likelihood import clip_nll
from nsynth_batch.models.loading import memory_errors_as_usage
from nsynth_batch.models.model import Generator
from nsynth_batch.models.weights import Array
from nsynth_batch.stages.clip_rows import clip_rows
from nsynth_batch.stages.model_stage import ModelStage
from nsynth_batch.stages.partial_codes import stream_of
from nsynth_batch.stages.primes import Prime, clips_of, prime_of
from nsynth_batch.stages.resumed import resumed_audio
from nsynth_batch.store.durations import sample_seconds
from nsynth_batch.store.schemas import GENERATED, PRIMED

_DECIMALS = 6
"""Of nats; the last bits of a sum depend on the processor."""


@dataclass(frozen=True)
class GenerateStage(ModelStage):
    """Generate a batch of clips, by their numbers.

    Attributes
    ----------
    spec
        What generates; its facts are part of a clip's id.
    seed
        Keys the draws, together with a clip's number.
    temperature
        Divides the logits: one number, or those of a clip's beginning and end.
    samples
        Of each clip.
    sample_rate
        Of the model and so of the clips, in Hz.
    save_seconds
        Wall seconds between two saves of what is made so far, at most.
    prime_samples
        Of the recording that each goes on from; 0 where they go on from silence.
    likelihood
        Whether to score each clip by the model itself, if that predicts codes; it takes about as
        long as making it.
    """

    seed: int
    temperature: float | tuple[float, float]
    samples: int
    sample_rate: int
    save_seconds: float = 10.0
    prime_samples: int = 0
    likelihood: bool = True

    name = "clips"
    row_group_rows = 16

    @property
    def schema(self) -> pa.Schema:
        """The schema of its batches."""
        return PRIMED if self.prime_samples else GENERATED

    def process(
        self, item: Item, source: pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch | Rejected | Counted]:
        """Yield a row a clip, from ``first`` to before ``stop``.

        A batch that was made before, by a task that did not live to commit it, is taken from the
        partial results; one that was begun is continued.
        """
        name = derived_id({"batch": item.key})
        if (saved := task.partial.load(f"{name}.arrow")) is not None:
            batches = pa.ipc.open_stream(saved)
            # An earlier release may have kept other columns.
            if batches.schema.equals(self.schema):
                yield from batches
                return
        numbers, primes = clips_of(item, source), None
        if self.prime_samples:
            primes = yield from self._primes(numbers, source)
            numbers = list(primes)
        if not numbers:
            return
        ids = [f"clip {number}" for number in numbers]
        model: Generator = self.model(task.threads)
        clips, lost = yield from resumed_audio(
            model,
            task,
            f"{name}.codes",
            ids,
            lambda prefixes, on_codes, on_progress: model.generate(
                self.samples / self.sample_rate,
                ids,
                seed=self.seed,
                temperature=self.temperature,
                primes=None if primes is None else [prime.audio for prime in primes.values()],
                on_progress=on_progress,
                prefixes=prefixes,
                on_codes=on_codes,
            ),
            save_seconds=self.save_seconds,
        )
        for place in lost:
            detail = "the model gave NaN or infinity for it"
            yield Rejected(ids[place], ids[place], "non-finite", detail)
        whole = [place for place in range(len(numbers)) if place not in lost]
        if whole:
            made = [numbers[place] for place in whole]
            begun = [None if primes is None else primes[number] for number in made]
            columns: dict[str, list[Any]] = {
                "clip_id": [self._clip_id(*pair) for pair in zip(made, begun, strict=True)],
                "number": made,
            }
            if primes is not None:
                columns["prime"] = [primes[number].to_row() for number in made]
            clips = [clips[place] for place in whole]
            columns["nll"] = self._nll(model, clips, begun, task)
            batch = clip_rows(self.schema, clips, self.sample_rate, **columns)
            if len(whole) == item.lost_rows:
                task.partial.save(f"{name}.arrow", stream_of(batch))
            yield batch

    def _nll(
        self, model: Generator, clips: list[Array], primes: Sequence[Prime | None], task: Task
    ) -> list[float | None]:
        if not (self.likelihood and isinstance(model, CodeGenerator)):
            return [None] * len(clips)
        begun = [prime.audio for prime in primes if prime is not None]
        with memory_errors_as_usage():
            found = clip_nll(model, clips, begun or None, lambda _samples: task.heartbeat())
        return [round(nats, _DECIMALS) for nats in found.tolist()]

    def _primes(
        self, numbers: Sequence[int], source: pa.Table
    ) -> PythonGenerator[Rejected, None, dict[int, Prime]]:
        """Return what each clip goes on from; one whose segment is too short is quarantined."""
        primes = {}
        for row, number in enumerate(numbers):
            draws = Draws(self.seed, f"prime {number}")
            prime = prime_of(source, row, self.prime_samples, self.sample_rate, draws)
            if prime is not None:
                primes[number] = prime
                continue
            facts = source.slice(row, 1).drop_columns(["samples"]).to_pylist()[0]
            wanted = self.prime_samples / self.sample_rate
            yield Rejected(
                f"clip {number}",
                f"clip {number}",
                "short-prime",
                f"segment {facts['segment']} of {facts['file_id']} is shorter than the "
                f"{wanted:g} s to go on from",
            )
        return primes

    def _clip_id(self, number: int, prime: Prime | None) -> str:
        heat = self.temperature
        begun: dict[str, Json] = {}
        if prime is not None:
            begun = {"prime": prime.to_row(), "prime_samples": self.prime_samples}
        return derived_id(
            {
                **begun,
                "number": number,
                "samples": self.samples,
                "seed": self.seed,
                "temperature": list(heat) if isinstance(heat, tuple) else heat,
                "made_with": list(self.spec.facts().values()),
            }
        )

    def seconds(self, batch: pa.RecordBatch) -> float:
        """Seconds of audio in some rows."""
        return sample_seconds(batch, self.sample_rate)
