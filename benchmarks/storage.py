"""Measure storage on HDFS and S3 against the client libraries: MiB a second, and names listed.

    python -m benchmarks.storage --megabytes 256 --files 200 --names 100000
    python -m benchmarks.storage --webhdfs webhdfs://namenode:9870/tmp/b --hdfs hdfs://namenode/tmp/b
    python -m benchmarks.storage --s3 s3://bucket/b        # with the lines that `make s3` prints

Without URLs, a NameNode and a DataNode are started on this machine. Storage and library read the
same files in turns, each as often, and the best round of each counts. "large" is one file, read
through by 1 MiB; "small" are files of 64 KiB, opened and read whole. Storage writes under a
temporary name, checks the length and renames, which the library alone does not.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from benchmarks.library import MIB, Library
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from tests.components.hadoop import Hdfs

SMALL = 64 << 10


def read(storage: Storage, name: str) -> int:
    size = 0
    with storage.open(name) as stream:
        while block := stream.read(MIB):
            size += len(block)
    return size


def read_bare(library: Library, name: str) -> int:
    return sum(map(len, library.blocks(name)))


def write(storage: Storage, name: str, blocks: Iterator[bytes]) -> None:
    with storage.create(name) as stream:
        for block in blocks:
            stream.write(block)


def seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def compare(what: str, size: int, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    """Time both in turns and print the best of each."""
    rounds = [(seconds(theirs), seconds(ours)) for _ in range(ROUNDS)]
    library, storage = (size / MIB / min(column) for column in zip(*rounds, strict=True))
    print(f"{what:22} {library:9.1f} {storage:9.1f} {storage / library:8.0%}", flush=True)


ROUNDS = 4


def measure(url: str, megabytes: int, files: int) -> None:
    storage, library = open_storage(url), Library(url)
    scheme = url.partition(":")[0]
    block = bytes(range(256)) * (MIB // 256)
    names = [f"small/{number}" for number in range(files)]
    large = megabytes * MIB

    def blocks() -> Iterator[bytes]:
        return (block for _ in range(megabytes))

    compare(
        f"{scheme} write large",
        large,
        lambda: write(storage, f"large-{uuid.uuid4().hex}", blocks()),
        lambda: library.write("large", blocks()),
    )
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: library.write(name, iter([block[:SMALL]])), names))
    compare(
        f"{scheme} read large",
        large,
        lambda: read(storage, "large"),
        lambda: read_bare(library, "large"),
    )
    compare(
        f"{scheme} read small",
        files * SMALL,
        lambda: [read(storage, name) for name in names],
        lambda: [read_bare(library, name) for name in names],
    )


def list_names(urls: list[str], count: int) -> None:
    """Time what a resume begins with: the names of the manifests, in one listing."""
    maker = Library(urls[-1])
    made = [f"names/{number:08d}-{number:016x}.json" for number in range(count)]
    with ThreadPoolExecutor(16) as pool:
        taken = seconds(lambda: list(pool.map(lambda name: maker.write(name, iter(())), made)))
    print(f"{count} empty files made in {taken:.1f} s")
    for url in urls:
        storage = open_storage(url)
        found = 0

        def look(storage: Storage = storage) -> None:
            nonlocal found
            found = sum(1 for _ in storage.list("names"))

        taken = seconds(look)
        print(f"{url.partition(':')[0]:8} lists {found} names in {taken:.2f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--webhdfs", help="a folder to work in; with --hdfs, the same one")
    parser.add_argument("--hdfs")
    parser.add_argument("--s3", help="a prefix to work in")
    parser.add_argument("--megabytes", type=int, default=256, help="of the large file")
    parser.add_argument("--files", type=int, default=200, help="how many small ones")
    parser.add_argument("--names", type=int, default=0, help="names to list")
    options = parser.parse_args()
    with ExitStack() as stack:
        urls = [url for url in (options.webhdfs, options.hdfs, options.s3) if url]
        if not urls:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            started = stack.enter_context(Hdfs(Path(folder)))
            urls = [f"{top}/benchmark" for top in (started.webhdfs_url, started.hdfs_url)]
        print(f"{'MiB/s':22} {'library':>9} {'storage':>9}")
        for url in urls:
            stack.callback(
                open_storage(url.rpartition("/")[0]).delete, url.rpartition("/")[2], recursive=True
            )
            measure(url, options.megabytes, options.files)
        if options.names:
            list_names(urls, options.names)


if __name__ == "__main__":
    main()
