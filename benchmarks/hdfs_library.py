"""What a client library of HDFS does by itself, for comparison."""

from __future__ import annotations

import io
from collections.abc import Iterator
from urllib.parse import urlsplit

import hdfs
import hdfs_native

from hdfs_jobs.storage.hdfs.login import user_name

MIB = 1 << 20


class Library:
    """HdfsCLI for ``webhdfs://``, hdfs-native for ``hdfs://``; paths are below the URL."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.root = place.path
        self._web = (
            hdfs.InsecureClient(f"http://{place.netloc}", user=user_name())
            if place.scheme == "webhdfs"
            else None
        )
        self._native = None if self._web else hdfs_native.Client(f"hdfs://{place.netloc}")

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes."""
        path = f"{self.root}/{name}"
        if self._web:
            with self._web.read(path, chunk_size=MIB) as blocks:
                yield from blocks
        else:
            assert self._native
            yield from self._native.read(path)

    def fetch(self, name: str) -> io.BytesIO:
        """Hold a whole file in memory."""
        return io.BytesIO(b"".join(self.blocks(name)))

    def write(self, name: str, blocks: Iterator[bytes]) -> None:
        """Write a whole file."""
        path = f"{self.root}/{name}"
        if self._web:
            self._web.write(path, data=blocks, overwrite=True)
            return
        assert self._native
        options = hdfs_native.WriteOptions(overwrite=True, create_parent=True)
        with self._native.create(path, options) as stream:
            for block in blocks:
                stream.write(block)
