"""What a scheduler's workers are: how many on each machine, and whether any can do the work."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hdfs_jobs.errors import InfrastructureError

if TYPE_CHECKING:
    from distributed import Client

REFRESH_SECONDS = 5.0


class Workers:
    """A view of the workers that is at most a few seconds old.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    resources : mapping of str to float
        What a worker must offer to count.
    patience : float
        Seconds without such a worker, or without an answer, before giving up.
    slots : mapping of str to int
        Workers that are to be on each machine, though some may be restarting just now.
    """

    def __init__(
        self,
        client: Client,
        resources: Mapping[str, float],
        patience: float,
        slots: Mapping[str, int],
    ) -> None:
        self._client = client
        self._resources = resources
        self._patience = patience
        self._seen = self._looked = time.monotonic()
        self.slots = slots
        self.threads = 0
        self._look()

    def refresh(self) -> None:
        """Look again if it is time.

        Raises
        ------
        InfrastructureError
            For too long the scheduler was silent, or had no worker for the task.
        """
        now = time.monotonic()
        if now - self._looked < min(REFRESH_SECONDS, self._patience):
            return
        self._looked = now
        try:
            self._look()
        except (OSError, RuntimeError) as error:
            # The client reconnects by itself; only a scheduler that stays away ends the run.
            self._give_up_after_patience(f"the scheduler does not answer ({error})")
        else:
            if self.threads:
                self._seen = now
            else:
                demand = ", ".join(f"{n} {name}" for name, n in self._resources.items())
                self._give_up_after_patience(f"no worker with {demand or 'a thread'} is left")

    def _look(self) -> None:
        from distributed.comm.addressing import get_address_host

        # All of them: some releases tell of the first five only, unless asked.
        workers: Mapping[str, Any] | None
        workers = self._client.scheduler_info(n_workers=-1).get("workers")
        if workers is None:
            # So answers a client that has just given the scheduler up.
            raise OSError("the connection is closed")
        slots: Counter[str] = Counter()
        threads = 0
        for address, worker in workers.items():
            slots[get_address_host(address)] += worker["nthreads"]
            offered = worker.get("resources", {})
            if all(offered.get(name, 0) >= n for name, n in self._resources.items()):
                threads += worker["nthreads"]
        # A worker that restarts will be back: the others must not take its cores meanwhile.
        hosts = slots.keys() | self.slots.keys()
        self.slots = {host: max(slots[host], self.slots.get(host, 0)) for host in hosts}
        self.threads = threads

    def _give_up_after_patience(self, what: str) -> None:
        if time.monotonic() - self._seen >= self._patience:
            raise InfrastructureError(
                f"{what} for {self._patience:.0f} seconds; what is committed stays, run the "
                "command again when workers are there"
            )
