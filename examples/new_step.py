"""Add a step to the pipeline: how loud each segment is, in a dataset of its own.

Usage: python examples/new_step.py RECORDINGS STORE
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from hdfs_jobs.datasets.plan import Item, RowRange
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.stage import Task
from nsynth_batch.catalog.catalog import Catalog
from nsynth_batch.pipeline import steps
from nsynth_batch.pipeline.audio import AudioStep
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.run import run
from nsynth_batch.pipeline.sharding import planned_rows
from nsynth_batch.pipeline.step import Amount, Expected, PlannedStep, Step, left_of
from nsynth_batch.settings.settings import load_settings
from nsynth_batch.store.arrays import vectors
from nsynth_batch.store.lineage import Columns
from sequencer.scripts import run_script


@dataclass(frozen=True)
class LevelsStage:
    """What a worker does to one item. It is pickled, so it holds settings and no open files."""

    name = "levels"
    schema = pa.schema([("file_id", pa.string()), ("segment", pa.int32()), ("rms", pa.float32())])
    row_group_rows = 4096

    def process(self, item: Item, source: pa.Table, task: Task) -> Iterator[pa.RecordBatch]:
        """Yield a row a segment: the root mean square of its samples, of full scale 1."""
        samples = vectors(source.column("samples"))
        rms = [float(np.sqrt(np.mean((row / 32768.0) ** 2))) for row in samples]
        columns = {name: source.column(name).to_pylist() for name in ("file_id", "segment")}
        yield pa.RecordBatch.from_pydict({**columns, "rms": rms}, schema=self.schema)

    def seconds(self, batch: pa.RecordBatch) -> float:
        """Return the seconds of audio in some rows: none."""
        return 0.0

    def facts(self, threads: int) -> dict[str, str]:
        """Return what the rows depend on besides the settings; manifests keep it."""
        return {"numpy": np.__version__}


class LevelsStep(Step):
    """What a run is for: status, verify, gc, forget and the dry run ask this object."""

    dataset = "levels"
    command = "levels"
    reads = (AudioStep.dataset,)
    unit = "shards of segments"
    time_limit = 600.0
    source = AudioStep.lineage
    lineage = Columns(("file_id",))

    def plan(self, context: Context) -> PlannedStep | None:
        """Plan an item for each shard of segments that is in no shard of levels yet."""
        audio = context.current(AudioStep.dataset)
        if audio is None:
            return None
        # What changes bytes is a setting: another value makes another dataset.
        dataset = context.dataset(self.dataset, {AudioStep.dataset: audio.digest})
        done = planned_rows(dataset)
        items = [
            Item(f"segments {one.shard}", rows=(RowRange(one.shard, 0, one.rows),))
            for one in audio.summaries()
            if one.rows and one.shard not in done
        ]
        new = dataset.plan(items, 16, dry_run=context.dry_run)
        return PlannedStep(self, dataset, LevelsStage(), audio, new)

    def expect(self, context: Context, planned: PlannedStep | None, incoming: Amount) -> Expected:
        """Return what a dry run says of it."""
        pending, new = left_of(planned)
        return Expected(len(pending) + len(new), incoming)

    def rate(self, context: Context) -> float:
        """Return the audio-seconds a second that a worker does, by rule of thumb."""
        return 10_000.0

    def bytes_a_second(self, context: Context) -> float:
        """Return the bytes that a second of audio takes in the dataset, about."""
        return 10.0


def main(recordings: str, store: str) -> int:
    """Harvest, cut segments, measure them, and print the loudest first."""
    levels = LevelsStep()
    steps.ALL = (*steps.ALL, levels)  # In the package this line is in pipeline/steps.py.
    settings = load_settings({"store": store, "workers": 1})
    report = run(settings, [steps.step_named("shard"), levels], source=recordings)
    if report.exit_code:
        print(report.message)
        return report.exit_code
    opened = Store.open(store)
    titles = Catalog(opened.storage).recordings()
    rows = [
        row
        for dataset in opened.current("levels")
        for _, table in dataset.tables()
        for row in table.to_pylist()
    ]
    for row in sorted(rows, key=lambda row: -row["rms"]):
        print(f"{row['rms']:.3f}  segment {row['segment']} of {titles[row['file_id']].title}")
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main, sys.argv[1:]))
