"""SIGTERM and SIGINT: finish what is begun, leave the rest to the next run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType

from nsynth_batch.errors import DRAINED, INTERRUPTED

_EXIT_CODES = {signal.SIGTERM: DRAINED, signal.SIGINT: INTERRUPTED}


class EndedAtOnce(BaseException):
    """A second signal: what is begun stays as it is, and nothing may catch this on the way.

    Parameters
    ----------
    exit_code : int
        What the process exits with.
    """

    def __init__(self, exit_code: int) -> None:
        super().__init__("ended at once; run the same command again to go on")
        self.exit_code = exit_code


class Drain:
    """A request to stop that a run looks at: what is begun is finished, nothing else is begun.

    Attributes
    ----------
    asked : threading.Event
        Set by the request.
    exit_code : int
        What to exit with then.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.exit_code = DRAINED
        self._lock = threading.Lock()
        self._name = ""
        self._on_request: Callable[[str], None] | None = None

    def request(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask the run to stop, as the signal does; may be called from any thread."""
        with self._lock:
            if self.asked.is_set():
                return
            self.exit_code, self._name = _EXIT_CODES[number], number.name
            self.asked.set()
            on_request = self._on_request
        if on_request is not None:
            on_request(self._name)

    def notify(self, on_request: Callable[[str], None] | None) -> None:
        """Call a function with the signal's name at the request, or now if that came before.

        It is called once, in the thread that makes the request; None takes it away.
        """
        with self._lock:
            self._on_request = on_request
            asked = self.asked.is_set()
        if asked and on_request is not None:
            on_request(self._name)


@contextmanager
def draining() -> Iterator[Drain]:
    """Turn the first SIGTERM or SIGINT into a request to drain; a second one ends at once.

    For the main thread, where Python handles signals. The request itself is made in a thread of
    its own: a handler interrupts the main thread anywhere, also where that holds a lock which the
    request needs.
    """
    drain = Drain()
    numbers: SimpleQueue[signal.Signals | None] = SimpleQueue()
    received: list[signal.Signals] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        if received:
            raise EndedAtOnce(_EXIT_CODES[signal.Signals(number)])
        received.append(signal.Signals(number))
        numbers.put(signal.Signals(number))

    def request() -> None:
        while (number := numbers.get()) is not None:
            drain.request(number)

    thread = threading.Thread(target=request, name="drain", daemon=True)
    thread.start()
    before = {number: signal.signal(number, handle) for number in _EXIT_CODES}
    try:
        yield drain
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        numbers.put(None)
