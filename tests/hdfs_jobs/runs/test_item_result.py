"""What a stage gives of one item: notes are kept with the shard, and a restart voids the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import BinaryIO

import pyarrow as pa

from hdfs_jobs.datasets.manifest import Note, Summary, dump_manifest, parse_manifest
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.datasets.retry import notes
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.stage import Counted, Noted, Rejected, Restarted, Task
from hdfs_jobs.runs.worker import do_shard
from tests.hdfs_jobs.builders import job_of, planned, wrong
from tests.hdfs_jobs.job_stages import Plain, rows_of


@dataclass(frozen=True)
class Restarting(Plain):
    """A stage that thinks better of it at the end of an item that is to go wrong."""

    def process(
        self, item: Item, source: BinaryIO | pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch | Rejected | Counted | Noted | Restarted]:
        yield rows_of(item.key, [1, 2, 3])
        if item.extra:
            yield Counted("first", 1)
            yield Noted("of the first way")
            yield Rejected("r", "title", "odd", "of the first way")
            yield Restarted()
            yield rows_of(item.key, [4, 5])
            yield Counted("second", 1)
            yield Noted("of the second\nway")


def test_a_restart_voids_what_the_item_gave_and_nothing_of_others(store: Store) -> None:
    dataset = planned(store, [wrong("a"), wrong("b", "again"), wrong("c")])
    result = do_shard(job_of(dataset, Restarting()), threads=1)
    assert result is not None
    manifest = dataset.manifest(0)
    assert manifest.counters == {"second": 1}
    assert manifest.quarantined == ()
    assert manifest.notes == (Note("b", "title of b", "of the second way"),)
    assert (manifest.rows, manifest.seconds, result.summary.notes) == (8, 4.0, 1)
    table = dataset.read(0)
    assert table["key"].to_pylist() == ["a"] * 3 + ["b"] * 2 + ["c"] * 3
    assert table["value"].to_pylist() == [1, 2, 3, 4, 5, 1, 2, 3]
    assert list(dataset.verify()) == []
    assert list(notes(dataset)) == list(manifest.notes)


def test_a_manifest_without_notes_is_as_it_was_before_there_were_any(store: Store) -> None:
    dataset = planned(store, [wrong("a")])
    do_shard(job_of(dataset, Restarting()), threads=1)
    written = dump_manifest(dataset.manifest(0))
    assert b"notes" not in written
    assert parse_manifest(written, "it") == dataset.manifest(0)
    assert list(notes(dataset)) == []
    # A line of an index that was written before.
    old = asdict(dataset.manifest(0).summary())
    del old["notes"]
    assert Summary(**old) == dataset.manifest(0).summary()
