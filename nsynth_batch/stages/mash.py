"""Encodings of two recordings or more to mash-ups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa

from hdfs_jobs.canonical_json import derived_id
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.errors import BadInput
from hdfs_jobs.runs.stage import Task
from nsynth_batch.models.crossfade import mixture
from nsynth_batch.settings.mash_rule import MashRule
from nsynth_batch.store.arrays import matrices
from nsynth_batch.store.durations import frame_seconds
from nsynth_batch.store.mash_rows import WeightedParent, mash_row, schema_of


@dataclass(frozen=True)
class MashStage:
    """Mix the encodings of a pair, which is of as many recordings as `parents` says.

    Attributes
    ----------
    encodings
        Digest of the encodings dataset, for the ids.
    seed
        Keys the draws of the random curve, together with the number of the pair.
    rule
        What becomes of them.
    segment_samples
        Length of a segment, so where each begins in its recording.
    hop
        Samples a frame stands for.
    sample_rate
        Of the segments, in Hz.
    parents
        How many encodings a pair has.
    """

    encodings: str
    seed: int
    rule: MashRule
    segment_samples: int
    hop: int
    sample_rate: int
    parents: int = 2

    name = "mashups"
    row_group_rows = 32

    @property
    def schema(self) -> pa.Schema:
        """The columns of its mash-ups."""
        return schema_of(self.parents, self.rule.stretch)

    def process(self, item: Item, source: pa.Table, task: Task) -> Iterator[pa.RecordBatch]:
        """Yield the mash-up of the rows of `source`, in their order A, B and so on.

        Raises
        ------
        BadInput
            If the mash-up is not finite, or a stretch leaves nothing of a parent.
        """
        pair = cast(int, item.extra["pair"])
        try:
            mixed = mixture(list(matrices(source.column("encoding"))), self.rule, self.seed, pair)
        except ValueError as error:
            raise BadInput("too-short", str(error)) from error
        if not np.isfinite(mixed.encoding).all():
            raise BadInput("non-finite", "the encoding of a parent holds NaN or infinity")
        rows = source.select(["file_id", "segment"]).to_pylist()
        parents = [
            WeightedParent(
                row["file_id"],
                row["segment"],
                row["segment"] * self.segment_samples / self.sample_rate,
                weights,
                factor,
            )
            for row, weights, factor in zip(rows, mixed.weights, mixed.stretch, strict=True)
            # At the edges of a square some have no share: the mash-up is not of them.
            if self.rule.grid is None or weights.any()
        ]
        mash_id = self._mash_id(parents, pair)
        yield mash_row(self.schema, mash_id, parents, self.seed, mixed.encoding)

    def _mash_id(self, parents: Sequence[WeightedParent], pair: int) -> str:
        rule = self.rule
        return derived_id(
            {
                "parents": [[parent.file_id, parent.segment] for parent in parents],
                "encodings": self.encodings,
                "curve": rule.curve,
                "seed": self.seed,
                "pair": pair,
                **({} if rule.length == "shorter" else {"length": rule.length}),
                **({} if rule.weights is None else {"weights": rule.weights.to_json()}),
                **({"stretch": list(rule.stretch)} if rule.stretch else {}),
                **({} if rule.grid is None else {"grid": rule.grid}),
            }
        )

    def seconds(self, batch: pa.RecordBatch) -> float:
        """Return the seconds of audio that some rows stand for."""
        return frame_seconds(batch, self.hop, self.sample_rate)

    def facts(self, threads: int) -> dict[str, str]:
        """Return what the bytes depend on: NumPy alone."""
        return {"numpy": np.__version__}
