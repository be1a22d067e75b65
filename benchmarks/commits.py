"""Measure shards committed on S3 against botocore by itself: shards a second.

    python -m benchmarks.commits s3://bucket/b --kilobytes 64 1024 16384

The bare loop makes the rows, writes them as Parquet in memory, puts that, and puts a manifest on
the condition that there is none. The job is what a worker does for a shard: it asks whether the
shard is there already and what was left of it, marks the attempt, does the same, and reads the
data back before the manifest. Both have the same threads, in turns; the best of each counts.
"""

from __future__ import annotations

import argparse
import io
import pickle
import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.library import Library
from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.manifest import dump_manifest
from hdfs_jobs.datasets.plan import Item, Shard
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.job import ShardJob
from hdfs_jobs.runs.stage import Task
from hdfs_jobs.runs.worker import do_shard
from hdfs_jobs.storage.open import open_storage


@lru_cache
def noise(size: int) -> bytes:
    return random.Random(0).randbytes(size)


@dataclass(frozen=True)
class Noise:
    """A stage that writes one row of bytes that nothing compresses, the same for each item."""

    size: int
    name = "noise"
    row_group_rows = 1
    schema = pa.schema([("bytes", pa.binary())])

    def process(
        self, item: Item, source: BinaryIO | pa.Table, task: Task
    ) -> Iterator[pa.RecordBatch]:
        yield from self.rows()

    def rows(self) -> list[pa.RecordBatch]:
        return [pa.record_batch([[noise(self.size)]], schema=self.schema)]

    def seconds(self, batch: pa.RecordBatch) -> float:
        return 0.0

    def facts(self, threads: int) -> dict[str, str]:
        return {}


def planned(url: str, size: int, count: int) -> tuple[Dataset, list[ShardJob]]:
    """Plan shards of one item each."""
    dataset = Store.open(url, create=True).dataset("noise", {"size": size})
    shards = dataset.plan([Item(str(number)) for number in range(count)], per_shard=1)
    return dataset, [job_of(dataset, shard, size) for shard in shards]


def job_of(dataset: Dataset, shard: Shard, size: int) -> ShardJob:
    return ShardJob(
        dataset=dataset,
        shard=shard,
        stage=pickle.dumps(Noise(size)),
        upstream=None,
        upstream_files={},
        require={},
        time_limit=None,
        last=False,
        drain="runs/drain/none",
        slots={},
    )


def bare_loop(library: Library, stage: Noise, manifest: bytes, number: int) -> None:
    """Make the rows, write them as Parquet in memory, and put that and the manifest."""
    out = io.BytesIO()
    with pq.ParquetWriter(out, stage.schema, compression="zstd", use_dictionary=False) as writer:
        writer.write_table(pa.Table.from_batches(stage.rows()))
    library.write(f"bare/{number}.parquet", iter([out.getvalue()]))
    library.publish(f"bare/{number}.json", manifest)


def rate(pool: ThreadPoolExecutor, act: Callable[[int], object], numbers: Sequence[int]) -> float:
    """Return how many calls a second a pool makes."""
    begun = time.perf_counter()
    list(pool.map(act, numbers))
    return len(numbers) / (time.perf_counter() - begun)


def both(url: str, size: int, count: int, pool: ThreadPoolExecutor) -> tuple[float, float]:
    """Return the rates of the bare loop and of the job, on a store of their own."""
    store = f"{url}/{uuid.uuid4().hex}"
    dataset, jobs = planned(store, size, count + 1)
    do_shard(jobs[count], 1)
    manifest, library = dump_manifest(dataset.manifest(count)), Library(store)
    bare = partial(bare_loop, library, Noise(size), manifest)
    return rate(pool, bare, range(count)), rate(pool, lambda n: do_shard(jobs[n], 1), range(count))


def compare(url: str, size: int, count: int, threads: int, rounds: int) -> None:
    """Print the rates of both at one size."""
    with ThreadPoolExecutor(threads) as pool:
        both(url, size, threads, pool)  # each thread gets a connection, which counts for neither
        measured = [both(url, size, count, pool) for _ in range(rounds)]
    loop, job = (max(rates) for rates in zip(*measured, strict=True))
    print(f"{size >> 10:10} {loop:10.1f} {job:10.1f} {job / loop:8.0%}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help="a prefix to work in, which is deleted at the end")
    parser.add_argument("--kilobytes", type=int, nargs="*", default=[64, 1024, 16384])
    parser.add_argument("--shards", type=int, default=100)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    url = f"{options.url}/{uuid.uuid4().hex}"
    try:
        print(f"{'KiB':>10} {'bare':>10} {'job':>10}   shards a second", flush=True)
        for size in options.kilobytes:
            compare(url, size << 10, options.shards, options.threads, options.rounds)
    finally:
        top, _, name = url.rpartition("/")
        open_storage(top).delete(name, recursive=True)


if __name__ == "__main__":
    main()
