"""Let a Dask worker end the shard that it is at, and begin no other, before it is stopped.

Dask gives a worker ten seconds when its nanny is asked to stop: what it was at is begun again
elsewhere. ``python -m hdfs_jobs.retire``, run beside a worker before that, waits until it is done.
Kubernetes calls this a preStop hook.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING

from hdfs_jobs.errors import in_one_line

if TYPE_CHECKING:
    from distributed import Client, Worker

CONNECT_SECONDS = 15.0
LOOK_SECONDS = 1.0
TEMPORARY_FAILURE = 75


def retire(client: Client, name: str, seconds: float) -> bool:
    """Send a worker no more work, and wait until it has ended what it is at.

    Parameters
    ----------
    client : distributed.Client
        Connected to its scheduler.
    name : str
        The worker's, as ``dask worker --name`` has it; one that is not there has nothing to end.
    seconds : float
        How long to wait.

    Returns
    -------
    bool
        Whether the worker is at nothing any more.
    """
    deadline = time.monotonic() + seconds
    workers = client.scheduler_info(n_workers=-1)["workers"]
    found = [address for address, worker in workers.items() if str(worker["name"]) == name]
    client.run(_begin_nothing, workers=found, on_error="ignore")
    while any(client.run(_count_begun, workers=found, on_error="ignore").values()):
        if time.monotonic() >= deadline:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def _begin_nothing(dask_worker: Worker) -> None:
    from distributed.core import Status

    dask_worker.status = Status.closing_gracefully


def _count_begun(dask_worker: Worker) -> int:
    return len(dask_worker.state.all_running_tasks)


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m hdfs_jobs.retire", description=__doc__)
    parser.add_argument("--scheduler", default=os.environ.get("DASK_SCHEDULER_ADDRESS"))
    parser.add_argument("--name", default=os.environ.get("DASK_WORKER_NAME"))
    parser.add_argument("--seconds", type=float, default=840.0)
    return parser


def main() -> int:
    """Retire the worker that the command line names.

    Returns
    -------
    int
        0, or 75 if the scheduler does not answer or the time ran out.
    """
    parser = command_line()
    given = parser.parse_args()
    for flag in ("scheduler", "name"):
        if not getattr(given, flag):
            parser.error(f"--{flag} is needed where its variable is not set")
    from distributed import Client

    try:
        patience = min(CONNECT_SECONDS, given.seconds)
        with Client(given.scheduler, timeout=patience, set_as_default=False) as client:
            done = retire(client, given.name, given.seconds)
    except (OSError, TimeoutError) as error:
        print(
            f"retire: {given.scheduler} does not answer: {in_one_line(str(error))}", file=sys.stderr
        )
        return TEMPORARY_FAILURE
    if not done:
        print(f"retire: {given.name} is not done after {given.seconds:g} seconds", file=sys.stderr)
        return TEMPORARY_FAILURE
    return 0


if __name__ == "__main__":
    sys.exit(main())
