"""Clips out of a model alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import pyarrow as pa

from hdfs_jobs.canonical_json import derived_id
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.runs.stage import Counted, Rejected, Task
from nsynth_batch.models.model import Generator
from nsynth_batch.stages.clip_rows import clip_rows
from nsynth_batch.stages.model_stage import ModelStage
from nsynth_batch.stages.partial_codes import stream_of
from nsynth_batch.stages.resumed import resumed_audio
from nsynth_batch.store.durations import sample_seconds
from nsynth_batch.store.schemas import GENERATED


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
    """

    seed: int
    temperature: float | tuple[float, float]
    samples: int
    sample_rate: int
    save_seconds: float = 10.0

    name = "clips"
    schema = GENERATED
    row_group_rows = 16

    def process(
        self, item: Item, source: pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch | Rejected | Counted]:
        """Yield a row a clip, from ``first`` to before ``stop``.

        A batch that was made before, by a task that did not live to commit it, is taken from the
        partial results; one that was begun is continued.
        """
        name = derived_id({"batch": item.key})
        if (saved := task.partial.load(f"{name}.arrow")) is not None:
            yield from pa.ipc.open_stream(saved)
            return
        first, stop = (cast(int, item.extra[end]) for end in ("first", "stop"))
        numbers = list(range(first, stop))
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
            batch = clip_rows(
                GENERATED,
                [clips[place] for place in whole],
                self.sample_rate,
                clip_id=[self._clip_id(numbers[place]) for place in whole],
                number=[numbers[place] for place in whole],
            )
            if not lost:
                task.partial.save(f"{name}.arrow", stream_of(batch))
            yield batch

    def _clip_id(self, number: int) -> str:
        heat = self.temperature
        return derived_id(
            {
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
