"""Mash-ups to clips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from hdfs_jobs.canonical_json import derived_id
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.runs.stage import Counted, Rejected, Task
from nsynth_batch.stages.clip_rows import clip_rows
from nsynth_batch.stages.model_stage import ModelStage
from nsynth_batch.stages.partial_codes import stream_of
from nsynth_batch.stages.resumed import resumed_audio
from nsynth_batch.store.arrays import matrices
from nsynth_batch.store.durations import sample_seconds
from nsynth_batch.store.schemas import CLIPS


@dataclass(frozen=True)
class DecodeStage(ModelStage):
    """Decode a batch of mash-ups, made up when the work was planned.

    Attributes
    ----------
    spec
        What decodes; its facts are part of a clip's id.
    seed
        Keys the draws, together with a mash-up's id.
    temperature
        Divides the logits.
    sample_rate
        Of the model and so of the clips, in Hz.
    save_seconds
        Wall seconds between two saves of what is made so far, at most.
    """

    seed: int
    temperature: float
    sample_rate: int
    save_seconds: float = 10.0

    name = "clips"
    schema = CLIPS
    row_group_rows = 16

    def process(
        self, item: Item, source: pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch | Rejected | Counted]:
        """Yield a row a mash-up of `source`, in its order.

        A batch that was decoded before, by a task that did not live to commit it, is taken from
        the partial results; one that was begun is continued, on an engine that can.
        """
        name = derived_id({"batch": item.key})
        if (saved := task.partial.load(f"{name}.arrow")) is not None:
            yield from pa.ipc.open_stream(saved)
            return
        names = source.column("mash_id").to_pylist()
        places = {mash_id: row for row, mash_id in enumerate(names)}
        mash_ids, encodings = [], []
        for mash_id, encoding in zip(names, matrices(source.column("encoding")), strict=True):
            if np.isfinite(encoding).all():
                mash_ids.append(mash_id)
                encodings.append(encoding)
            else:
                yield _rejected(mash_id, places, "its encoding holds NaN or infinity")
        if not encodings:
            return
        model = self.model(task.threads)
        decoded, lost = yield from resumed_audio(
            model,
            task,
            f"{name}.codes",
            mash_ids,
            lambda prefixes, on_codes, on_progress: model.decode(
                encodings,
                seed=self.seed,
                ids=mash_ids,
                temperature=self.temperature,
                on_progress=on_progress,
                prefixes=prefixes,
                on_codes=on_codes,
            ),
            save_seconds=self.save_seconds,
        )
        for number in lost:
            yield _rejected(mash_ids[number], places, "the model gave NaN or infinity for it")
        whole = [number for number in range(len(mash_ids)) if number not in lost]
        if whole:
            made_of = [mash_ids[number] for number in whole]
            batch = clip_rows(
                CLIPS,
                [decoded[number] for number in whole],
                self.sample_rate,
                clip_id=[self._clip_id(mash_id) for mash_id in made_of],
                mash_id=made_of,
            )
            if len(whole) == len(source):
                task.partial.save(f"{name}.arrow", stream_of(batch))
            yield batch

    def _clip_id(self, mash_id: str) -> str:
        return derived_id(
            {
                "mash_id": mash_id,
                "seed": self.seed,
                "temperature": self.temperature,
                "made_with": list(self.spec.facts().values()),
            }
        )

    def seconds(self, batch: pa.RecordBatch) -> float:
        """Seconds of audio in some rows."""
        return sample_seconds(batch, self.sample_rate)


def _rejected(mash_id: str, places: Mapping[str, int], detail: str) -> Rejected:
    return Rejected(mash_id, f"mash-up {mash_id}", "non-finite", detail, places[mash_id])
