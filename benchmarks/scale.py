"""Measure the job layer alone: a catalog of a million recordings, and a stage that does nothing.

    python -m benchmarks.scale --recordings 1000000 --per-shard 10 --run 2000 4000
    python -m benchmarks.scale --recordings 100000 --per-shard 1 --run 50 \
      --store hdfs://localhost:8020/scale --also webhdfs://localhost:9870/scale

The driver holds Dask's scheduler too, so its CPU time is both. `--run` gives how many shards go
through Dask, once for each number; the rest are committed by this process, as a worker does it,
so that `status`, resuming and listing are measured at several sizes of the same store.
"""

from __future__ import annotations

import argparse
import gc
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.manifest import Manifest, Summary
from hdfs_jobs.datasets.plan import Item, Shard
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.events import Event, ShardCommitted
from hdfs_jobs.runs.runner import run_stage
from hdfs_jobs.runs.stage import Task
from nsynth_batch.catalog.catalog import Catalog, Recording
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.step import PlannedStep
from nsynth_batch.pipeline.steps import current_datasets, require_plan, step_named
from nsynth_batch.settings.settings import Settings
from nsynth_batch.store.status import store_status

CATALOG_ROWS = 50_000
COMPACT_SHARDS = 10_000
COMMITTERS = 64
"""Threads; HDFS takes its time for each small file, and hardly any of this process's."""


@dataclass(frozen=True)
class Nothing:
    """A stage that writes no row."""

    name = "audio"
    row_group_rows = 1
    schema = pa.schema([("file_id", pa.string())])

    def process(
        self, item: Item, source: BinaryIO | pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch]:
        return iter(())

    def seconds(self, batch: pa.RecordBatch) -> float:
        return 0.0

    def facts(self, threads: int) -> dict[str, str]:
        return {}


def recording(number: int) -> Recording:
    return Recording(
        file_id=f"{number:040x}",
        title=f"File:Recording {number}.wav",
        page_url=f"https://example.org/wiki/File:Recording_{number}.wav",
        raw_url=f"raw/{number % 256:02x}/{number:040x}.wav",
        author=f"Author {number % 5000}",
        licence="CC-BY-SA-4.0",
        licence_url="https://creativecommons.org/licenses/by-sa/4.0/",
        attribution="",
        categories=("nature",),
        duration=30.0,
        revision=None,
        retrieved_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


class Clock:
    """Wall and CPU seconds of this process since it was made."""

    def __init__(self) -> None:
        gc.collect()
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def show(self, what: str, per: int = 0) -> None:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        each = f"{1000 * cpu / per:8.2f} ms CPU each" if per else f"{cpu:8.2f} s CPU"
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(f"{what:52} {wall:8.2f} s, peak {memory:6.0f} MB {each}", flush=True)


def commit_here(dataset: Dataset, shards: list[Shard], template: Manifest) -> None:
    """Commit shards as a worker does, but for their data files, which are empty anyway."""

    def commit(shard: Shard) -> Summary:
        manifest = replace(template, shard=shard.number, input_digest=shard.digest)
        dataset.publish(manifest)
        return manifest.summary()

    with ThreadPoolExecutor(COMMITTERS) as pool:
        for start in range(0, len(shards), COMPACT_SHARDS):
            dataset.compact(list(pool.map(commit, shards[start : start + COMPACT_SHARDS])))


def look(url: str) -> None:
    """Measure what commands do first on a store of that many committed shards."""
    clock = Clock()
    dataset = Store.open(url).current_of("audio")
    assert dataset is not None
    pending = len(dataset.pending())
    clock.show(f"  find {pending:,} pending")
    clock = Clock()
    resume(url)
    clock.show("  resume: all that a run does before its first shard")
    clock = Clock()
    store_status(current_datasets(Store.open(url)))
    clock.show("  status")


def plan(settings: Settings, store: Store, *, dry_run: bool = False) -> PlannedStep:
    """Plan the step that cuts recordings."""
    context = Context(settings, store, dry_run=dry_run)
    return require_plan(step_named("audio"), context)


def resume(url: str) -> None:
    """Do what `nsynth-batch shard` does, asked to stop before it has begun a shard."""
    settings, stop = Settings(store=url), threading.Event()
    stop.set()
    with Cluster() as cluster:
        planned = plan(settings, Store.open(url))
        planned.run(settings, cluster, lambda event: None, stop)
    planned.dataset.totals()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=int, default=1_000_000)
    parser.add_argument("--per-shard", type=int, default=10)
    parser.add_argument("--run", type=int, nargs="*", default=[1000, 2000], help="shards by Dask")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 30_000, 100_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--store", help="a store that is not there yet; a temporary folder if none")
    parser.add_argument("--also", nargs="*", default=[], help="other URLs of that same store")
    options = parser.parse_args()
    # As the command does it.
    pa.set_memory_pool(pa.system_memory_pool())
    with tempfile.TemporaryDirectory() as folder:
        url = options.store or str(Path(folder) / "store")
        store = Store.open(url, create=True)
        catalog = Catalog(store.storage)
        clock = Clock()
        for start in range(0, options.recordings, CATALOG_ROWS):
            stop = min(start + CATALOG_ROWS, options.recordings)
            catalog.append([recording(number) for number in range(start, stop)])
        clock.show(f"catalog of {options.recordings:,} recordings")
        clock = Clock()
        known = catalog.recordings()
        clock.show("  read again")
        # The dataset of the real stage, so that the real commands look at it.
        dataset = plan(Settings(store=url), store, dry_run=True).dataset
        clock = Clock()
        dataset.plan(
            # The addresses go along for their size alone: there is nothing to open.
            (Item(r.file_id, r.title, extra={"url": r.raw_url}) for r in known.current()),
            options.per_shard,
        )
        shards = len(dataset.shards())
        clock.show(f"plan of {shards:,} shards")
        del known
        with Cluster(workers=options.workers) as cluster:
            cluster.client()
            for count in options.run:
                run_some(dataset, cluster, count)
        done = sorted(dataset.summaries(), key=lambda one: one.shard)
        template = dataset.manifest(done[0].shard)
        for size in sorted(size for size in options.sizes if size <= shards):
            pending = dataset.pending()
            missing = list(islice(pending, max(0, size - (shards - len(pending)))))
            commit_here(dataset, missing, template)
            for address in (url, *options.also):
                print(f"{size:,} shards committed, {address}", flush=True)
                look(address)


def run_some(dataset: Dataset, cluster: Cluster, count: int) -> None:
    """Run until that many shards are committed, then drain."""
    stop = threading.Event()

    def watch(event: Event) -> None:
        if isinstance(event, ShardCommitted) and event.done >= count:
            stop.set()

    clock = Clock()
    outcome = run_stage(dataset, Nothing(), cluster=cluster, on_event=watch, stop=stop)
    clock.show(f"{outcome.committed:,} shards by Dask", outcome.committed)


if __name__ == "__main__":
    main()
