"""Serves the figures of a run to Prometheus while it works."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nsynth_batch.errors import INFRASTRUCTURE, USAGE, CommandError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from nsynth_batch.reporting.metrics import InputsOf, Metrics
    from nsynth_batch.settings.settings import Settings


@contextmanager
def served_metrics(
    settings: Settings, stop: threading.Event, inputs: Mapping[str, InputsOf]
) -> Iterator[tuple[Metrics, ...]]:
    """Serve the figures of a run to the end of the block, if the settings name a port.

    Parameters
    ----------
    settings : Settings
        Where they are served, and what the run allows.
    stop : threading.Event
        Set once the run is asked to drain.
    inputs : mapping of str to callable
        How each dataset counts its inputs.

    Yields
    ------
    tuple of Metrics
        The listener that counts events; empty if nothing is served.

    Raises
    ------
    CommandError
        If the address cannot be listened on.
    """
    if not settings.metrics_port:
        yield ()
        return
    from nsynth_batch.reporting.metrics import Metrics

    metrics = Metrics(settings.max_bad_fraction, stop, inputs)
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
