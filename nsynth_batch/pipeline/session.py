"""A store that this command may write to, because no other run does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from nsynth_batch.errors import CommandError
from nsynth_batch.pipeline.signals import Drain

if TYPE_CHECKING:
    from hdfs_jobs.datasets.store import Store
    from hdfs_jobs.runs.lease import Holder, Lease
    from nsynth_batch.reporting.terminal import Report
    from nsynth_batch.settings import Settings


class Writer:
    """The store of some settings, held from when it is first opened to the end of the block.

    Parameters
    ----------
    settings : Settings
        Which store, and after how long without a heartbeat this run is to be taken for dead.
    progress : Report
        Told when the store is held, and if there is somebody to wait for.
    drain : Drain, optional
        Ends the wait.
    on_held : callable, optional
        Is given the store once it is held.
    """

    def __init__(
        self,
        settings: Settings,
        progress: Report,
        drain: Drain | None = None,
        on_held: Callable[[Store], None] | None = None,
    ) -> None:
        self._settings = settings
        self._progress = progress
        self._drain = drain or Drain()
        self._on_held = on_held
        self._lease: Lease | None = None

    def open(self, *, create: bool = False) -> Store:
        """Open the store and take its lease.

        Parameters
        ----------
        create : bool
            Make one where there is nothing yet.

        Raises
        ------
        InfrastructureError
            If another run holds it.
        CommandError
            If it was asked to stop while it waited.
        """
        from hdfs_jobs.datasets.store import Store
        from hdfs_jobs.runs.lease import acquire
        from nsynth_batch.reporting.events import LeaseTaken

        store = Store.open(self._settings.store, create=create)
        if self._lease is not None:
            return store
        self._lease = acquire(
            store.storage,
            _command(),
            seconds=self._settings.lease_seconds,
            stop=self._drain.asked,
            on_wait=self._tell,
        )
        if self._lease is None:
            raise CommandError(
                f"asked to stop while {store.url} was held by another run: nothing was done",
                self._drain.exit_code,
            )
        self._progress(LeaseTaken(store.url))
        if self._on_held is not None:
            self._on_held(store)
        return store

    def check(self) -> None:
        """Raise InfrastructureError once another run has taken this one for dead."""
        if self._lease is not None:
            self._lease.check()

    def _tell(self, holder: Holder) -> None:
        self._progress.say(
            f"the store is held by {holder}: waiting to see whether that run is alive"
        )

    def __enter__(self) -> Writer:
        """Take nothing yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the next run have the store."""
        if self._lease is not None:
            from nsynth_batch.reporting.events import LeaseGivenBack

            self._lease.release()
            self._progress(LeaseGivenBack(self._settings.store))


def _command() -> str:
    """Name this command for others: what follows its name may be nobody's business."""
    return " ".join(["nsynth-batch", *sys.argv[1:2]])
