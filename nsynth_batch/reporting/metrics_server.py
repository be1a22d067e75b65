"""Serves the figures of a run to Prometheus while it works."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nsynth_batch.errors import INFRASTRUCTURE, USAGE, CommandError
from nsynth_batch.reporting.events import Told
from nsynth_batch.reporting.terminal import Relay, Report

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from nsynth_batch.reporting.metrics import Metrics
    from nsynth_batch.settings import Settings


class MeteredReport(Relay):
    """Another report, with figures of all that it is told.

    Parameters
    ----------
    report : Report
        Who is told as well.
    metrics : Metrics
        The figures.
    """

    def __init__(self, report: Report, metrics: Metrics) -> None:
        super().__init__(report)
        self._metrics = metrics

    def __call__(self, event: Told) -> None:
        """Count an event, and hand it on."""
        self._metrics(event)
        super().__call__(event)


@contextmanager
def metered(report: Report, settings: Settings, stop: threading.Event) -> Iterator[Report]:
    """Serve figures of what a report is told to the end of the block, if the settings say so.

    Parameters
    ----------
    report : Report
        Who is told; not begun or ended here.
    settings : Settings
        Where they are served, and what the run allows.
    stop : threading.Event
        Set once the run is asked to drain.

    Yields
    ------
    Report
        Who is to be told instead.

    Raises
    ------
    CommandError
        If the address cannot be listened on.
    """
    if not settings.metrics_port:
        yield report
        return
    from nsynth_batch.reporting.metrics import Metrics

    metrics = Metrics(settings.max_bad_fraction, stop)
    with _served(metrics.registry, settings.metrics_host, settings.metrics_port):
        yield MeteredReport(report, metrics)


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
