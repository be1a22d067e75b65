"""Segments to encodings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.runs.stage import Counted, Rejected, Task
from nsynth_batch.models.loading import memory_errors_as_usage
from nsynth_batch.stages.model_stage import ModelStage
from nsynth_batch.store.arrays import matrix_column, vectors
from nsynth_batch.store.durations import frame_seconds
from nsynth_batch.store.schemas import ENCODINGS
from sequencer.audio.samples import from_int16


@dataclass(frozen=True)
class EncodeStage(ModelStage):
    """Encode the segments of a recording, those of equal length together.

    Nothing is padded and nothing of another recording shares a batch, so an encoding depends on
    its recording alone.

    Attributes
    ----------
    spec
        What encodes.
    hop
        Samples a frame of the checkpoint's encodings stands for.
    batch_segments
        The most segments encoded at once.
    sample_rate
        Of the segments, in Hz.
    """

    hop: int
    batch_segments: int
    sample_rate: int

    name = "encodings"
    schema = ENCODINGS
    row_group_rows = 32

    def process(
        self, item: Item, source: pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch | Rejected | Counted]:
        """Yield a row a segment of `source`, in its order."""
        model = self.model(task.threads)
        ids = source.column("file_id").to_pylist()
        numbers = source.column("segment").to_pylist()
        samples = list(vectors(source.column("samples")))
        for group in equal_lengths([len(row) for row in samples], self.batch_segments):
            frames, tail = divmod(len(samples[group[0]]), self.hop)
            if not frames:
                for row in group:
                    yield self._rejected(
                        ids[row], numbers[row], "too-short", "less than one hop", row
                    )
                continue
            if tail:
                yield Counted("dropped_samples", tail * len(group))
            audio = np.stack([samples[row][: frames * self.hop] for row in group])
            with memory_errors_as_usage():
                encodings = model.encode(from_int16(audio))
            task.heartbeat()
            good = [i for i in range(len(group)) if np.isfinite(encodings[i]).all()]
            for i in set(range(len(group))) - set(good):
                row = group[i]
                yield self._rejected(
                    ids[row],
                    numbers[row],
                    "non-finite",
                    "the model gave NaN or infinity for it",
                    row,
                )
            if good:
                rows = [group[i] for i in good]
                yield _batch(
                    [ids[row] for row in rows],
                    [numbers[row] for row in rows],
                    [encodings[i] for i in good],
                )

    def _rejected(self, file_id: str, segment: int, reason: str, detail: str, row: int) -> Rejected:
        title = f"segment {segment} of {file_id}"
        return Rejected(f"{file_id}:{segment}", title, reason, detail, row)

    def seconds(self, batch: pa.RecordBatch) -> float:
        """Seconds of audio that some rows stand for."""
        return frame_seconds(batch, self.hop, self.sample_rate)


def equal_lengths(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Cut rows in runs of equal length, at most so many a run, in order."""
    group: list[int] = []
    for row, length in enumerate(lengths):
        if group and (length != lengths[group[0]] or len(group) == most):
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _batch(
    ids: list[str], segments: list[int], encodings: list[npt.NDArray[np.float32]]
) -> pa.RecordBatch:
    return pa.record_batch(
        [
            pa.array(ids),
            pa.array(segments, pa.int32()),
            pa.array([len(encoding) for encoding in encodings], pa.int32()),
            matrix_column(encodings),
        ],
        schema=ENCODINGS,
    )
