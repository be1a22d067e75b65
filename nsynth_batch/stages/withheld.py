"""A stage that sets aside what may not be used any more, although it was planned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import BinaryIO

import pyarrow as pa

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.errors import BadInput
from hdfs_jobs.runs.stage import Counted, Rejected, Stage, Task
from nsynth_batch.catalog.withheld import Bar
from nsynth_batch.store.ids import derived_id


@dataclass(frozen=True)
class BarringStage:
    """Another stage, kept from some recordings.

    Attributes
    ----------
    stage
        What does the work.
    barred
        Why recordings may not be used, by file id.
    """

    stage: Stage
    barred: Mapping[str, Bar]

    @property
    def name(self) -> str:
        """The dataset that it writes."""
        return self.stage.name

    @property
    def schema(self) -> pa.Schema:
        """The schema of its batches."""
        return self.stage.schema

    @property
    def row_group_rows(self) -> int:
        """Rows a row group."""
        return self.stage.row_group_rows

    def process(
        self, item: Item, source: BinaryIO | pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch | Rejected | Counted]:
        """Yield what the stage makes of what may be used.

        Of a batch of mash-ups those are set aside one by one that have a barred parent.

        Raises
        ------
        BadInput
            If the recording, or one of the two that are to be mashed up, is barred.
        """
        if isinstance(source, pa.Table) and "mash_id" in source.column_names:
            yield from self._mashups(item, source, task)
            return
        if isinstance(source, pa.Table):
            file_ids = source.column("file_id").to_pylist()
        else:
            file_ids = [item.key]
        if bar := self._bar(file_ids):
            raise BadInput(bar.reason, bar.detail)
        yield from self.stage.process(item, source, task)

    def _bar(self, file_ids: list[str]) -> Bar | None:
        return next((self.barred[name] for name in file_ids if name in self.barred), None)

    def _mashups(
        self, item: Item, source: pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch | Rejected | Counted]:
        kept = []
        for row, mash in enumerate(source.select(["mash_id", "a", "b"]).to_pylist()):
            bar = self._bar([mash["a"]["file_id"], mash["b"]["file_id"]])
            if bar is None:
                kept.append(row)
            else:
                mash_id = mash["mash_id"]
                yield Rejected(mash_id, f"mash-up {mash_id}", bar.reason, bar.detail, row)
        if not kept:
            return
        if len(kept) < len(source):
            # What the stage keeps between attempts is of these mash-ups, and of no others.
            item = replace(item, key=derived_id({"item": item.key, "rows": list(kept)}))
        for result in self.stage.process(item, source.take(kept), task):
            if isinstance(result, Rejected) and result.row is not None:
                yield replace(result, row=kept[result.row])
            else:
                yield result

    def seconds(self, batch: pa.RecordBatch) -> float:
        """Give the seconds in a batch."""
        return self.stage.seconds(batch)

    def facts(self, threads: int) -> dict[str, str]:
        """Say what the stage works with."""
        return self.stage.facts(threads)
