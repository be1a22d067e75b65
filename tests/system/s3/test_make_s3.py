"""The server that ``make s3`` leaves running."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hdfs_jobs.storage.open import open_storage
from hdfs_jobs.storage.remote import LostAnswerError
from tests.components.needs import need

ROOT = Path(__file__).parents[3]


def call(folder: Path, *arguments: str) -> list[str]:
    """Do what `make` does, in a folder of its own, and return the lines that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.components.s3", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_shell_needs_no_more_than_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("versitygw")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    try:
        url, *lines = call(tmp_path)
        assert url.startswith("s3://")
        assert all(line.startswith("AWS_") for line in lines)
        for line in lines:
            monkeypatch.setenv(*line.split("=", 1))
        storage = open_storage(f"{url}/store")
        assert storage.publish("file", b"content")
        assert call(tmp_path) == [url, *lines], "it is not started twice"
        assert storage.read_bytes("file") == b"content"
    finally:
        call(tmp_path, "stop")
    monkeypatch.setenv("HDFS_JOBS_PATIENCE", "0")
    with pytest.raises(LostAnswerError, match="cannot be reached"):
        storage.read_bytes("file")
    assert call(tmp_path, "stop") == []
