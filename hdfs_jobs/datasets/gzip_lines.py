"""Gzipped JSON lines on a storage: plans and the index."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from hdfs_jobs.storage.base import Storage

DAMAGED = (gzip.BadGzipFile, EOFError, zlib.error, ValueError, TypeError, KeyError)
"""What reading and parsing such a file raises when its content is wrong, not its storage."""


@contextmanager
def gzip_lines(storage: Storage, path: str) -> Iterator[gzip.GzipFile]:
    """Open a file as a stream of lines."""
    with storage.open(path) as stream, gzip.GzipFile(fileobj=stream, mode="rb") as lines:
        yield lines


def gzip_writer(stream: IO[bytes]) -> gzip.GzipFile:
    """Return a writer of such a file: the same lines give the same bytes."""
    return gzip.GzipFile(filename="", fileobj=stream, mode="wb", compresslevel=6, mtime=0)
