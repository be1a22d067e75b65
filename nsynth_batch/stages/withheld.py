"""A stage that quarantines what may not be used any more, although it was planned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import BinaryIO, Protocol

import pyarrow as pa

from hdfs_jobs.canonical_json import derived_id
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.errors import BadInput
from hdfs_jobs.runs.stage import Counted, Rejected, Stage, Task
from nsynth_batch.catalog.withheld import WithheldReason
from nsynth_batch.store.lineage import Columns, Source


class RowNames(Protocol):
    """Names what is made from each row that an item reads."""

    def __call__(self, item: Item, source: pa.Table) -> Sequence[tuple[str, str]]:
        """Return key and title of each row."""
        ...


@dataclass(frozen=True)
class ColumnNames:
    """Names rows by a column of what is read.

    Attributes
    ----------
    column
        Its name.
    word
        What a row is called in a title.
    """

    column: str
    word: str

    def __call__(self, item: Item, source: pa.Table) -> list[tuple[str, str]]:
        """Return key and title of each row."""
        names = source.column(self.column).to_pylist()
        return [(name, f"{self.word} {name}") for name in names]


@dataclass(frozen=True)
class WithheldStage:
    """Another stage, kept from some recordings.

    Attributes
    ----------
    stage
        What does the work.
    withheld
        Why recordings may not be used, by file id.
    source
        Where the recordings stand in what the stage reads.
    row_names
        Names each row of it, where each is worked on by itself; None where an item is one piece of
        work.
    """

    stage: Stage
    withheld: Mapping[str, WithheldReason]
    source: Source
    row_names: RowNames | None = None

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

        Rows that have a name are quarantined one by one.

        Raises
        ------
        BadInput
            If a recording that an item is made from is withheld.
        """
        parents: list[tuple[str, ...]] = [(item.key,)]
        if isinstance(self.source, Columns) and isinstance(source, pa.Table):
            parents = self.source.file_ids(source)
        if self.row_names is not None and isinstance(source, pa.Table):
            names = self.row_names(item, source)
            yield from self._rows(item, source, names, parents, task)
            return
        if why := self._why(chain.from_iterable(parents)):
            raise BadInput(why.reason, why.detail)
        yield from self.stage.process(item, source, task)

    def _why(self, file_ids: Iterable[str]) -> WithheldReason | None:
        return next((self.withheld[name] for name in file_ids if name in self.withheld), None)

    def _rows(
        self,
        item: Item,
        source: pa.Table,
        names: Sequence[tuple[str, str]],
        parents: Sequence[tuple[str, ...]],
        task: Task,
    ) -> Iterator[pa.RecordBatch | Rejected | Counted]:
        kept = []
        for row, (key, title) in enumerate(names):
            why = self._why(parents[row])
            if why is None:
                kept.append(row)
            else:
                yield Rejected(key, title, why.reason, why.detail, row)
        if not kept:
            return
        if len(kept) < len(source):
            # Partial results are kept by the item's key: they are of the rows that are left.
            item = replace(item, key=derived_id({"item": item.key, "rows": list(kept)}))
        for result in self.stage.process(item, source.take(kept), task):
            if isinstance(result, Rejected) and result.row is not None:
                yield replace(result, row=kept[result.row])
            else:
                yield result

    def seconds(self, batch: pa.RecordBatch) -> float:
        """Return the seconds in a batch."""
        return self.stage.seconds(batch)

    def facts(self, threads: int) -> dict[str, str]:
        """Return what the stage works with."""
        return self.stage.facts(threads)
