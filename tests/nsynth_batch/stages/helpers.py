"""What a stage is given beside its input."""

from __future__ import annotations

from pathlib import Path

from hdfs_jobs.runs.stage import Partial, Task
from hdfs_jobs.storage.open import open_storage


def task(folder: Path, threads: int = 1) -> Task:
    """A task that keeps partial results below a folder."""
    return Task(threads, Partial(open_storage(str(folder)), "partial"))
