"""Measure a listing of millions of keys: names a second and memory, against botocore's own pages.

    python -m benchmarks.listing --keys 2000000

The server is a process that answers with pages as Amazon writes them and keeps nothing, so that
what is measured is the client. The peak of memory is that of this process above what it had before.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

from hdfs_jobs.storage.open import open_storage
from tests.components.listed import ListedKeys

OF_BOTOCORE = 50_000
"""Keys that botocore reads, whose rate does not depend on how many there are."""


def serve(keys: int, end: Connection) -> None:
    with ListedKeys(keys) as server:
        end.send(server.endpoint)
        end.recv()


def by_botocore(endpoint: str) -> Iterator[str]:
    import botocore.session

    client = botocore.session.get_session().create_client("s3", endpoint_url=endpoint)
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix="names/"):
        for found in page["Contents"]:
            yield found["Key"]


def measure(who: str, names: Iterator[object], most: int) -> None:
    """Take names, at most so many, and print their rate, the processor's time and the memory."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    begun, count = time.perf_counter(), 0
    for _ in names:
        count += 1
        if count == most:
            break
    taken = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    grown = (after.ru_maxrss - before.ru_maxrss) / 1024
    print(
        f"{who:9} {count:9} keys {count / taken:9.0f} a second {cpu / count * 1e6:7.1f} s of a "
        f"processor a million, memory +{grown:.0f} MiB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=2_000_000)
    keys = parser.parse_args().keys
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(keys, there), daemon=True)
    server.start()
    os.environ |= {
        "AWS_ENDPOINT_URL": (endpoint := here.recv()),
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    storage = open_storage("s3://bucket/store")
    measure("storage", storage.list("names"), keys)
    measure("botocore", by_botocore(endpoint), min(keys, OF_BOTOCORE))
    here.send(None)
    server.join()


if __name__ == "__main__":
    main()
