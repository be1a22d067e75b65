"""Which Dask does the work: processes of this machine, or a scheduler that runs already."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING

from hdfs_jobs.errors import InfrastructureError, UsageError

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 15.0
FIRST_WORKER_SECONDS = 60.0
LOOPBACK = "127.0.0.1"


class Cluster:
    """Workers that are started, or connected to, when they are first needed.

    Use it as a context manager, or call `close`.

    Parameters
    ----------
    scheduler : str or None
        ``tcp://host:port`` or ``tls://host:port`` of a running scheduler; None for processes
        of this machine, one thread each, that nothing outside it can reach.
    workers : int
        Processes to start when `scheduler` is None.
    connect_seconds : float
        How long to wait for a scheduler to answer.

    Raises
    ------
    UsageError
        The address is of another form, or there is not one worker.
    """

    def __init__(
        self,
        scheduler: str | None = None,
        workers: int = 1,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        if scheduler is not None and not scheduler.startswith(("tcp://", "tls://")):
            raise UsageError(
                f"{scheduler}: give the scheduler as tcp://host:port or tls://host:port"
            )
        if scheduler is None and workers < 1:
            raise UsageError(f"{workers} workers: at least one is needed")
        self.scheduler = scheduler
        self.workers = workers
        self._connect_seconds = connect_seconds
        self._stack = ExitStack()
        self._client: Client | None = None

    @property
    def started(self) -> bool:
        """Whether something was started or connected to."""
        return self._client is not None

    @property
    def slots(self) -> dict[str, int]:
        """How many workers are to be on each machine, by its address, as far as that is known."""
        return {LOOPBACK: self.workers} if self.scheduler is None else {}

    def client(self) -> Client:
        """Return the connected client, with at least one worker behind it.

        Raises
        ------
        InfrastructureError
            Nothing answers at the address, or no worker comes up.
        """
        if self._client is None:
            self._client = self._connect()
        return self._client

    def close(self) -> None:
        """End what was started, leave what was found."""
        self._client = None
        self._stack.close()

    def _connect(self) -> Client:
        if self.scheduler is None:
            return self._start()
        return self._join(self.scheduler)

    def _start(self) -> Client:
        """Start processes of this machine."""
        from distributed import Client, LocalCluster

        from hdfs_jobs.interrupts import IgnoreInterrupt

        try:
            local = LocalCluster(
                n_workers=self.workers,
                threads_per_worker=1,
                processes=True,
                host=LOOPBACK,
                # Dask listens for HTTP in any case; so on a free port, with nothing to see.
                dashboard_address=f"{LOOPBACK}:0",
                scheduler_kwargs={"dashboard": False},
                memory_limit=0,
                # What a task raises comes back with its future; nothing is to be said twice.
                silence_logs=logging.CRITICAL,
            )
        except (OSError, RuntimeError) as error:
            raise InfrastructureError(
                f"{self.workers} worker processes could not be started here ({error}); try fewer"
            ) from error
        self._stack.enter_context(local)
        client: Client = self._stack.enter_context(Client(local))
        client.register_plugin(IgnoreInterrupt())
        return client

    def _join(self, address: str) -> Client:
        """Connect to a scheduler that runs already."""
        from distributed import Client

        try:
            client = Client(address, timeout=self._connect_seconds)
        except (OSError, TimeoutError) as error:
            raise InfrastructureError(
                f"{address}: no Dask scheduler answers ({error}); start one, or leave the "
                "address out to work on this machine"
            ) from error
        except ValueError as error:
            raise UsageError(f"{address}: not an address ({error})") from error
        self._stack.enter_context(client)
        try:
            client.wait_for_workers(1, timeout=FIRST_WORKER_SECONDS)
        except TimeoutError as error:
            raise InfrastructureError(
                f"{address}: the scheduler has no worker; start one with `dask worker`"
            ) from error
        return client

    def __enter__(self) -> Cluster:
        """Return itself; nothing starts yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()
