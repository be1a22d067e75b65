"""Which Dask does the work: processes of this machine, or a scheduler that runs already."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from hdfs_jobs.errors import InfrastructureError, UsageError, in_one_line

if TYPE_CHECKING:
    from distributed import Client, Security

CONNECT_SECONDS = 15.0
FIRST_WORKER_SECONDS = 60.0
LOOPBACK = "127.0.0.1"
KEPT_BYTES = 64 << 20
NEVER = "1000 days"


@dataclass(frozen=True)
class Certificates:
    """What a client shows to a scheduler of ``tls://``, and whom it trusts.

    Attributes
    ----------
    ca, cert, key : str
        PEM files: the authority that signed the cluster's certificates, and this client's own
        certificate and private key. Empty ones are taken from Dask's own configuration.
    """

    ca: str = ""
    cert: str = ""
    key: str = ""

    def security(self) -> Security:
        """Return Dask's form of it; nothing but an encrypted connection will do.

        Raises
        ------
        UsageError
            A file is not there, or none is named here or in Dask's configuration.
        """
        from distributed import Security

        given = {"tls_ca_file": self.ca, "tls_client_cert": self.cert, "tls_client_key": self.key}
        security = Security(require_encryption=True, **{n: v for n, v in given.items() if v})
        for name, flag in zip(given, ("--tls-ca", "--tls-cert", "--tls-key"), strict=True):
            value = getattr(security, name)
            if not value:
                raise UsageError(
                    "tls:// needs the cluster's authority and this client's certificate and key: "
                    f"{flag} is not given"
                )
            # Dask takes the text of a certificate too.
            if "\n" not in value and not Path(value).is_file():
                raise UsageError(f"{value}: no such file, which tls:// needs as {name}")
        return security


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
    certificates : Certificates
        For ``tls://``.

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
        certificates: Certificates = Certificates(),
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
        self._certificates = certificates
        self._stack = ExitStack()
        self._client: Client | None = None

    @property
    def started(self) -> bool:
        """Whether something was started or connected to."""
        return self._client is not None

    def offers(self, resource: str) -> bool:
        """Whether some worker offers a Dask resource; connects if that has not been done."""
        workers = self.client().scheduler_info(n_workers=-1)["workers"].values()
        return any(worker.get("resources", {}).get(resource, 0) > 0 for worker in workers)

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

    def find(self) -> None:
        """Make sure that a scheduler that was named answers, long before work is given to it.

        The connection is not kept, and no worker is waited for: both may come later.

        Raises
        ------
        InfrastructureError
            Nothing answers at the address.
        UsageError
            It is no address, or the certificates do not fit.
        """
        if self.scheduler is not None and self._client is None:
            self._connected(self.scheduler).close()

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
        import dask.config
        from distributed import Client, LocalCluster

        # A while after a worker died Dask gives its place up for good if it is just restarting
        # again: so a few items that kill their workers would leave none.
        self._stack.enter_context(
            dask.config.set(
                {
                    "distributed.deploy.lost-worker-timeout": NEVER,
                    # Its samples are for a dashboard, which these workers have not.
                    "distributed.worker.profile.enabled": False,
                    # At Dask's own 64 KiB every large block that is freed goes back to the
                    # system, and the next one is faulted in page by page.
                    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": KEPT_BYTES,
                    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": KEPT_BYTES,
                }
            )
        )
        try:
            with _children_without_interrupts():
                local = LocalCluster(
                    n_workers=self.workers,
                    threads_per_worker=1,
                    processes=True,
                    host=LOOPBACK,
                    # Dask listens for HTTP in any case; so on a free port, with nothing to see.
                    dashboard_address=f"{LOOPBACK}:0",
                    scheduler_kwargs={"dashboard": False},
                    memory_limit=0,
                    # What a task raises comes back with its future; it need not be logged as well.
                    silence_logs=logging.CRITICAL,
                )
                # Before an interrupt that came meanwhile: it must find something to close.
                self._stack.enter_context(local)
        except (OSError, RuntimeError) as error:
            raise InfrastructureError(
                f"{self.workers} worker processes could not be started here ({error}); try fewer"
            ) from error
        client: Client = self._stack.enter_context(Client(local))
        return client

    def _join(self, address: str) -> Client:
        """Connect to a scheduler that runs already, and wait for its first worker."""
        client: Client = self._stack.enter_context(self._connected(address))
        try:
            client.wait_for_workers(1, timeout=FIRST_WORKER_SECONDS)
        except TimeoutError as error:
            count = len(client.scheduler_info(n_workers=-1)["workers"])
            raise InfrastructureError(
                f"{address}: each worker (of {count}) is paused, because its memory is nearly "
                "full; give each a larger --memory-limit, or fewer threads"
                if count
                else f"{address}: the scheduler has no worker; start one with `dask worker`"
            ) from error
        return client

    def _connected(self, address: str) -> Client:
        """Connect to a scheduler, with workers or without."""
        from distributed import Client
        from distributed.comm.core import FatalCommClosedError
        from distributed.versions import VersionMismatchWarning

        # It is a table of many lines. Every worker has to prove its code before it gets work, and
        # one whose code differs, or does not load, is refused in one line that says what to do.
        warnings.filterwarnings("ignore", category=VersionMismatchWarning)
        encrypted = address.startswith("tls://")
        security = self._certificates.security() if encrypted else None
        try:
            return Client(address, timeout=self._connect_seconds, security=security)
        except FatalCommClosedError as error:
            raise UsageError(
                f"{address}: the scheduler's certificate is not of the authority that this client "
                "trusts; both are to be signed by the same one"
            ) from error
        except (OSError, TimeoutError) as error:
            raise InfrastructureError(
                f"{address}: no Dask scheduler answers ({in_one_line(str(error))}); start one, or "
                "leave the address out to work on this machine"
            ) from error
        except ValueError as error:
            raise UsageError(f"{address}: not an address ({error})") from error

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


@contextmanager
def _children_without_interrupts() -> Iterator[None]:
    """Leave Ctrl-C to this process: block it in threads that begin here, and so in their children.

    A terminal sends it to every process of the command; workers that died of it could not finish
    their shards. One that comes meanwhile reaches this thread at the end of the block.
    """
    # Its first start would unblock the signal in the thread that starts the first worker.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
