"""URLs and paths, and the storages behind them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.open import open_storage, open_url


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/path",
        "s3://",
        "s3://b",
        "s3://user@bucket/x",
        "s3:bucket/x",
        "s3://bucket/a/../b",
        "gs://bucket",
        "file://other-host/path",
        "",
        "webhdfs:///path",
        "webhdfs:/host:9870/path",
        "HDFS:path",
        "webhdfs://user@host/path",
        "webhdfs://host:port/path",
        "hdfs://host:99999/path",
        "hdfs://host/a/../b",
        "swebhdfs://host/a:b/c",
    ],
)
def test_a_url_without_a_backend_is_a_usage_error(url: str) -> None:
    for opened in (open_storage, open_url):
        with pytest.raises(UsageError):
            opened(url)


def test_open_url_takes_paths_as_they_are_and_urls_decoded(tmp_path: Path) -> None:
    odd = tmp_path / "50%20 #1?.txt"
    odd.write_bytes(b"content")
    for url in (str(odd), odd.as_uri()):
        with open_url(url) as stream:
            assert stream.read() == b"content"
    with pytest.raises(FileNotFoundError):
        open_url(str(tmp_path / "missing"))
