from __future__ import annotations

from tests.hdfs_jobs.conftest import cluster, store, traps
from tests.nsynth_batch.conftest import tiny

__all__ = ["cluster", "store", "tiny", "traps"]
