"""SIGTERM and SIGINT: finish what is begun, leave the rest to the next run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from nsynth_batch.errors import DRAINED, INTERRUPTED

_EXIT_CODES = {signal.SIGTERM: DRAINED, signal.SIGINT: INTERRUPTED}


class EndedAtOnce(BaseException):
    """A second signal: what is begun is left as it is, and nothing may catch this on the way.

    Parameters
    ----------
    exit_code : int
        What the process exits with.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__("ended at once; run the same command again to go on")
        self.exit_code = exit_code


class Drain:
    """Whether this process was asked to stop.

    Attributes
    ----------
    asked : threading.Event
        Set by the first signal.
    exit_code : int
        What to exit with then.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.exit_code = DRAINED

    def hear(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if self.asked.is_set():
            raise EndedAtOnce(_EXIT_CODES[signal.Signals(number)])
        self.exit_code = _EXIT_CODES[signal.Signals(number)]
        self.asked.set()


@contextmanager
def draining() -> Iterator[Drain]:
    """Turn the first SIGTERM or SIGINT into a request to drain; a second one ends at once."""
    drain = Drain()
    before = {number: signal.signal(number, drain.hear) for number in _EXIT_CODES}
    try:
        yield drain
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
