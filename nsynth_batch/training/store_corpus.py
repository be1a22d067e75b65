"""What a model is trained on: the segments of a store as one corpus."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from nsynth_batch.catalog.catalog import Catalog
from nsynth_batch.catalog.withheld import withheld_recordings
from nsynth_batch.store.arrays import vectors
from nsynth_batch.text import command_line
from nsynth_batch.training.corpus import Corpus

Samples = npt.NDArray[np.int16]


def store_corpus(store: Store) -> Corpus:
    """Read the latest audio dataset of a store as recordings to train on.

    Recordings that were forgotten since, or deleted by their source, are left out.

    Parameters
    ----------
    store : Store
        Whose recordings were cut into segments.

    Raises
    ------
    UsageError
        If nothing was cut yet.
    """
    dataset = store.current_of("audio")
    if dataset is None or not dataset.committed():
        shard = command_line("shard", store.url)
        raise UsageError(f"{store.url} has no audio yet: run {shard} first")

    withheld = withheld_recordings(Catalog(store.storage).recordings(), allow_unknown=True)

    def recordings() -> Iterator[tuple[str, Iterator[Samples]]]:
        for _, table in dataset.tables(["file_id", "samples"]):
            ids: list[Any] = table.column("file_id").to_pylist()
            rows = zip(ids, vectors(table.column("samples")), strict=True)
            # The segments of a recording stand together and in order.
            for file_id, segments in groupby(rows, key=itemgetter(0)):
                if file_id not in withheld:
                    yield file_id, (samples for _, samples in segments)

    return Corpus(recordings(), cast(int, dataset.settings["sample_rate"]))
