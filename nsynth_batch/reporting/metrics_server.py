"""Serves the figures of a command to Prometheus while it works."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from nsynth_batch.errors import INFRASTRUCTURE, USAGE, CommandError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from nsynth_batch.reporting.metrics import ProcessMetrics
    from nsynth_batch.settings.settings import Settings

Served = TypeVar("Served", bound="ProcessMetrics")


@contextmanager
def served_metrics(settings: Settings, make: Callable[[], Served]) -> Iterator[tuple[Served, ...]]:
    """Serve the figures of a command to the end of the block, if the settings name a port.

    Parameters
    ----------
    settings : Settings
        Where they are served.
    make : callable
        Returns what keeps the figures; asked only then, for it takes a while to import.

    Yields
    ------
    tuple of ProcessMetrics
        What keeps the figures; empty if nothing is served.

    Raises
    ------
    CommandError
        If the address cannot be listened on.
    """
    if not settings.metrics_port:
        yield ()
        return
    metrics = make()
    with _served(metrics.registry, settings.metrics_host, settings.metrics_port):
        yield (metrics,)


@contextmanager
def _served(registry: CollectorRegistry, host: str, port: int) -> Iterator[None]:
    from prometheus_client import start_http_server

    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        place = f"port {port} of {host}"
        if error.errno == errno.EADDRINUSE:
            raise CommandError(
                f"{place} is in use, by the metrics of another run perhaps: give another "
                "--metrics-port, 0 for none, or run the command again when that has ended",
                INFRASTRUCTURE,
            ) from error
        raise CommandError(
            f"metrics cannot be served at {place} ({error.strerror or error}): give a "
            "--metrics-port above 1023 and a --metrics-host that this machine has",
            USAGE,
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
