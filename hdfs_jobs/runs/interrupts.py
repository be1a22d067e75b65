"""Worker processes of this machine, and Ctrl-C."""

from __future__ import annotations

import signal

from distributed import Worker, WorkerPlugin


class IgnoreInterrupt(WorkerPlugin):
    """Leaves Ctrl-C to the process that runs the command.

    A terminal sends it to all of them; workers that died of it could not finish their shards.
    """

    name = "ignore-interrupt"

    def setup(self, worker: Worker) -> None:
        """Ignore the signal in a worker's process."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
