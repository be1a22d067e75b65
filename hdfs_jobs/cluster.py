"""Which Dask does the work: processes of this machine, or a scheduler that runs already."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client


class Cluster:
    """Workers that are started, or connected to, when they are first needed.

    Use it as a context manager, or call `close`.

    Parameters
    ----------
    scheduler : str or None
        ``tcp://host:port`` or ``tls://host:port`` of a running scheduler; None for processes
        of this machine.
    workers : int
        Processes to start when `scheduler` is None.

    Raises
    ------
    UsageError
        The address is of another form, or there is not one worker.
    """

    def __init__(self, scheduler: str | None = None, workers: int = 1) -> None:
        self.scheduler = scheduler
        self.workers = workers

    @property
    def started(self) -> bool:
        """Whether something was started or connected to."""
        return False

    def client(self) -> Client:
        """Return the connected client.

        Raises
        ------
        InfrastructureError
            Nothing answers at the address, or no worker comes up.
        """
        raise OSError

    def close(self) -> None:
        """End what was started, leave what was found."""

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
