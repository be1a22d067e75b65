"""What a run asks of storage, in one process and always in the same order."""

from __future__ import annotations

import uuid
from contextlib import suppress

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.worker import do_shard
from hdfs_jobs.storage.s3 import transfers
from tests.hdfs_jobs.builders import job_of, planned, three_a_shard
from tests.hdfs_jobs.job_stages import Plain

SMALL_PART = 5 << 20
"""The smallest part that servers take, but for the last."""
LARGE = bytes(range(256)) * (21 << 10)


def do_job(url: str) -> None:
    """Ask of storage what a run does: a lease, a plan, a shard, an index, a large file."""
    transfers.PART_BYTES = SMALL_PART
    store = Store.open(url, create=True)
    storage, mine = store.storage, uuid.uuid4().hex.encode()
    held = storage.read_bytes("runs/lease") if storage.exists("runs/lease") else None
    assert storage.replace_if("runs/lease", held, mine)
    dataset = planned(store, three_a_shard(1), 3)
    for shard in dataset.shards():
        assert do_shard(job_of(dataset, Plain(), shard=shard), 1) is not None
    dataset.compact()
    with suppress(FileExistsError), storage.create("raw/large") as stream:
        stream.write(LARGE)
    assert storage.replace_if("runs/lease", mine, None)
