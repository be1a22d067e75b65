"""Pairs of encodings to mash-ups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow as pa

from hdfs_jobs.canonical_json import derived_id
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.errors import BadInput
from hdfs_jobs.runs.stage import Task
from nsynth_batch.models.crossfade import cross_fade, fade, frames_of
from nsynth_batch.settings.choices import Curve, Length
from nsynth_batch.store.arrays import list_column, matrices, matrix_column
from nsynth_batch.store.durations import frame_seconds
from nsynth_batch.store.schemas import MASHUPS, PARENT


@dataclass(frozen=True)
class MashStage:
    """Cross-fade the two encodings of a pair.

    Attributes
    ----------
    encodings
        Digest of the encodings dataset, for the ids.
    seed
        Keys the draws of the random curve, together with the number of the pair.
    curve
        How one fades into the other.
    segment_samples
        Length of a segment, so where each begins in its recording.
    hop
        Samples a frame stands for.
    sample_rate
        Of the segments, in Hz.
    length
        Which of the two the mash-up is as long as.
    """

    encodings: str
    seed: int
    curve: Curve
    segment_samples: int
    hop: int
    sample_rate: int
    length: Length = "shorter"

    name = "mashups"
    schema = MASHUPS
    row_group_rows = 32

    def process(self, item: Item, source: pa.Table, task: Task) -> Iterator[pa.RecordBatch]:
        """Yield the mash-up of the two rows of `source`, A and B.

        Raises
        ------
        BadInput
            If the mash-up is not finite.
        """
        pair = cast(int, item.extra["pair"])
        a, b = matrices(source.column("encoding"))
        frames = frames_of(len(a), len(b), self.length)
        mix = fade(self.curve, frames, self.seed, pair)
        encoding = cross_fade(a, b, mix)
        if not np.isfinite(encoding).all():
            raise BadInput("non-finite", "the encoding of a parent holds NaN or infinity")
        parents = [
            self._parent(row["file_id"], row["segment"])
            for row in source.select(["file_id", "segment"]).to_pylist()
        ]
        mash_id = derived_id(
            {
                "parents": [[parent["file_id"], parent["segment"]] for parent in parents],
                "encodings": self.encodings,
                "curve": self.curve,
                "seed": self.seed,
                "pair": pair,
                **({} if self.length == "shorter" else {"length": self.length}),
            }
        )
        yield pa.record_batch(
            [
                pa.array([mash_id]),
                pa.array(parents[:1], PARENT),
                pa.array(parents[1:], PARENT),
                pa.array([self.seed], pa.int64()),
                list_column([mix], pa.float32()),
                pa.array([frames], pa.int32()),
                matrix_column([encoding]),
            ],
            schema=MASHUPS,
        )

    def _parent(self, file_id: str, segment: int) -> dict[str, Any]:
        start = segment * self.segment_samples / self.sample_rate
        return {"file_id": file_id, "segment": segment, "start_seconds": start}

    def seconds(self, batch: pa.RecordBatch) -> float:
        """Return the seconds of audio that some rows stand for."""
        return frame_seconds(batch, self.hop, self.sample_rate)

    def facts(self, threads: int) -> dict[str, str]:
        """Return what the bytes depend on: NumPy alone."""
        return {"numpy": np.__version__}
