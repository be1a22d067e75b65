"""What a stage gave of one item: it counts only once the stage has given all."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from hdfs_jobs.datasets.manifest import Note, Quarantined
from hdfs_jobs.datasets.parquet import Spool
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.errors import in_one_line
from hdfs_jobs.runs.stage import Counted, Noted, Rejected, Restarted, Stage

if TYPE_CHECKING:
    import pyarrow as pa


class ItemResult:
    """Rows, counters, rejected rows and notes of one item.

    Parameters
    ----------
    item : Item
        Which.
    stage : Stage
        What gives them.
    spool : Spool
        Where rows are held.
    """

    def __init__(self, item: Item, stage: Stage, spool: Spool) -> None:
        self._item = item
        self._stage = stage
        self._spool = spool
        self.seconds = 0.0
        self.counters: Counter[str] = Counter()
        self.rejected: list[Quarantined] = []
        self.notes: list[Note] = []

    def add(self, result: pa.RecordBatch | Rejected | Counted | Noted | Restarted) -> None:
        """Take in one thing that the stage yielded."""
        item = self._item
        match result:
            case Rejected(key, title, reason, detail, row):
                lost = Quarantined(key, title, reason, detail, "Rejected")
                self.rejected.append(replace(lost, item=item.key, row=row))
            case Counted(name, n):
                self.counters[name] += n
            case Noted(text):
                self.notes.append(Note(item.key, item.title, in_one_line(text)))
            case Restarted():
                self.seconds = 0.0
                self._spool.clear()
                self.counters.clear()
                self.rejected.clear()
                self.notes.clear()
            case batch:
                self._spool.add(batch)
                self.seconds += self._stage.seconds(batch)
