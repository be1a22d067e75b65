"""What a task that ended came to, though its worker may have died since."""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Shard
from hdfs_jobs.runs.job import ShardResult

if TYPE_CHECKING:
    from distributed import Future

RESULT_SECONDS = 10.0
"""How long a result may take on its way from the worker that has announced it."""


def fetch(
    future: Future[ShardResult | None], dataset: Dataset, shard: Shard
) -> tuple[ShardResult | None, BaseException | None]:
    """Return the result of a task that ended, or its error.

    A result lies on its worker, which may be dead or stopped by now: Dask would have another worker
    do the shard again, and wait without end where none is left. What the shard came to is read from
    the store then.

    Parameters
    ----------
    future : distributed.Future
        Of `submit_shard`; it was done once.
    dataset : Dataset
        Of the shard.
    shard : Shard
        What the task was to do.

    Returns
    -------
    result : ShardResult or None
        None if the task had nothing to do, or failed.
    error : BaseException or None
        Why it failed.

    Raises
    ------
    OSError
        The result is lost, and so is the store.
    """
    if future.cancelled():
        return None, CancelledError("lost")
    try:
        if future.status == "error":
            return None, future.exception(timeout=RESULT_SECONDS)
        return future.result(timeout=RESULT_SECONDS), None
    except Exception as lost:
        done = dataset.find(shard)
        return (ShardResult.of(done), None) if done else (None, lost)
