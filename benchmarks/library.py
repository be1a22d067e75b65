"""What a client library of HDFS or S3 does by itself, for comparison."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import hdfs
import hdfs_native

from hdfs_jobs.storage.hdfs.login import user_name

MIB = 1 << 20


class Library:
    """HdfsCLI for ``webhdfs://``, hdfs-native for ``hdfs://``, botocore for ``s3://``.

    Paths are below the URL. What S3 asks is found where AWS' own tools find it.
    """

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.root = place.path
        self._web = (
            hdfs.InsecureClient(f"http://{place.netloc}", user=user_name())
            if place.scheme == "webhdfs"
            else None
        )
        self._native = (
            hdfs_native.Client(f"hdfs://{place.netloc}") if place.scheme == "hdfs" else None
        )
        self._bucket = place.netloc
        self._s3: Any = (
            botocore.session.get_session().create_client("s3") if place.scheme == "s3" else None
        )

    def _object(self, path: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": path.strip("/")}

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes."""
        path = f"{self.root}/{name}"
        if self._web:
            with self._web.read(path, chunk_size=MIB) as blocks:
                yield from blocks
        elif self._s3:
            yield from self._s3.get_object(**self._object(path))["Body"].iter_chunks(MIB)
        else:
            assert self._native
            yield from self._native.read(path)

    def fetch(self, name: str) -> io.BytesIO:
        """Hold a whole file in memory."""
        return io.BytesIO(b"".join(self.blocks(name)))

    def publish(self, name: str, content: bytes) -> None:
        """Write a small file to S3 on the condition that there is none."""
        self._s3.put_object(Body=content, IfNoneMatch="*", **self._object(f"{self.root}/{name}"))

    def write(self, name: str, blocks: Iterator[bytes]) -> None:
        """Write a whole file."""
        path = f"{self.root}/{name}"
        if self._web:
            self._web.write(path, data=blocks, overwrite=True)
            return
        if self._s3:
            self._s3.put_object(Body=b"".join(blocks), **self._object(path))
            return
        assert self._native
        options = hdfs_native.WriteOptions(overwrite=True, create_parent=True)
        with self._native.create(path, options) as stream:
            for block in blocks:
                stream.write(block)
