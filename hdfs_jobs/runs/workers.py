"""What a scheduler's workers are: how many on each machine, and whether any can do the work."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hdfs_jobs.errors import InfrastructureError, UsageError
from hdfs_jobs.runs.code import ask_worker, fault_of
from hdfs_jobs.runs.events import WorkersAwaited
from hdfs_jobs.runs.options import RunOptions

if TYPE_CHECKING:
    from distributed import Client, Future

REFRESH_SECONDS = 2.0
REMIND_SECONDS = 15.0
ANSWER_SECONDS = 10.0
"""How long the scheduler may take for its list of workers, and is asked again then."""
RUNNING = "running"
"""The status of a worker that takes tasks; one that is paused for want of memory takes none."""


class Workers:
    """A view of the workers that is at most a few seconds old.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    name : str
        The dataset that is worked on, for events.
    options : RunOptions
        For patience, and what a worker must offer to count.
    slots : mapping of str to int
        Workers that are to be on each machine, though some may be restarting just now.
    emit : callable
        Called with an event where no worker takes shards.

    Attributes
    ----------
    threads : int
        Of all workers that take shards.
    addresses : list of str
        Of these workers, once for each thread.
    """

    def __init__(
        self,
        client: Client,
        name: str,
        options: RunOptions,
        slots: Mapping[str, int],
        emit: Callable[[WorkersAwaited], None],
    ) -> None:
        self._client = client
        self._name = name
        self._resources = options.resources
        self._patience = options.patience
        self._code = options.code
        self._proof = options.code.proof()
        self._known: frozenset[str] = frozenset()
        self._asked: dict[str, Future[None]] = {}
        self._emit = emit
        self._seen = self._looked = time.monotonic()
        self._reminded = float("-inf")
        self._paused = 0
        self.slots = slots
        self.threads = 0
        self.addresses: list[str] = []
        try:
            self._look()
        except (OSError, RuntimeError):
            # A scheduler under load may be slow to answer: `refresh` asks again, with patience.
            self._looked = float("-inf")

    def refresh(self) -> None:
        """Look again if it is time.

        Raises
        ------
        UsageError
            A worker runs other code.
        InfrastructureError
            For too long the scheduler was silent, or had no worker that takes shards.
        """
        self._check_code()
        now = time.monotonic()
        if now - self._looked < min(REFRESH_SECONDS, self._patience):
            return
        self._looked = now
        try:
            self._look()
        except (OSError, RuntimeError) as error:
            # The client reconnects by itself; only a scheduler that stays away ends the run.
            self._wait(f"the scheduler does not answer ({error})", "when it is back")
            return
        if self.threads:
            self._seen, self._reminded = now, float("-inf")
            return
        demand = ", ".join(f"{n} {name}" for name, n in self._resources.items()) or "a thread"
        if self._paused:
            self._wait(
                f"no worker with {demand} takes work: paused, because memory is nearly full: "
                f"{self._paused}",
                "with a larger --memory-limit of the workers, or fewer threads in each",
            )
        else:
            self._wait(f"no worker with {demand} is left", "when workers are there")

    def look_again(self) -> None:
        """Have the next `refresh` look, however long ago it did: a worker is known to be lost."""
        self._looked = float("-inf")

    def _look(self) -> None:
        from distributed.comm.addressing import get_address_host

        workers: Mapping[str, Any] = self.ask("identity", n_workers=-1)["workers"]
        slots: Counter[str] = Counter()
        threads = paused = 0
        addresses = []
        for address, worker in workers.items():
            slots[get_address_host(address)] += worker["nthreads"]
            offered = worker.get("resources", {})
            if any(offered.get(name, 0) < n for name, n in self._resources.items()):
                continue
            if worker.get("status", RUNNING) == RUNNING:
                threads += worker["nthreads"]
                addresses += [address] * worker["nthreads"]
            else:
                paused += 1
        # A worker that restarts will be back: the others must not take its cores meanwhile.
        hosts = slots.keys() | self.slots.keys()
        self.slots = {host: max(slots[host], self.slots.get(host, 0)) for host in hosts}
        self.threads, self._paused, self.addresses = threads, paused, addresses
        for address in workers.keys() - self._known:
            self._asked[address] = ask_worker(self._client, self._code, self._proof, address)
        for address in self._asked.keys() - workers.keys():
            # Only the worker that was asked can answer: its question goes with it.
            del self._asked[address]
        self._known = frozenset(workers)

    def ask(self, question: str, **arguments: object) -> Any:
        """Ask the scheduler something, in a time that ends.

        `Client` itself waits for ever for a scheduler that is stopped.

        Raises
        ------
        OSError, RuntimeError
            It does not answer.
        """
        scheduler = self._client.scheduler
        if self._client.status != "running" or scheduler is None:
            raise OSError("the connection is closed")
        asked = getattr(scheduler, question)
        return self._client.sync(asked, **arguments, callback_timeout=ANSWER_SECONDS)

    def _check_code(self) -> None:
        """Take the answers of workers that were asked for their code when they were first seen."""
        for address in [address for address, answer in self._asked.items() if answer.done()]:
            if fault := fault_of(self._asked.pop(address), f"worker {address}"):
                raise UsageError(fault)

    def _wait(self, reason: str, remedy: str) -> None:
        """Emit that the run waits, now and then; give up after the patience."""
        now = time.monotonic()
        if now - self._seen >= self._patience:
            raise InfrastructureError(
                f"{reason} for {self._patience:.0f} seconds; what is committed stays, run the "
                f"command again {remedy}"
            )
        if now - self._reminded >= REMIND_SECONDS:
            self._reminded = now
            waited = round(now - self._seen, 1)
            self._emit(WorkersAwaited(self._name, reason, waited, self._patience))
