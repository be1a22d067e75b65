from __future__ import annotations

from tests.hdfs_jobs.conftest import cluster, traps, undisturbed
from tests.nsynth_batch.conftest import tiny

__all__ = ["cluster", "tiny", "traps", "undisturbed"]
