"""How far a command is, on stderr, for those that take more than some seconds."""

from __future__ import annotations

import sys
import time

SECONDS = 5.0


class Progress:
    """Prints how much is done, every few seconds at most; nothing for what is soon over.

    The end is printed wherever there was a line before it.

    Parameters
    ----------
    done : str
        What is done, as in ``drawn``.
    """

    def __init__(self, done: str) -> None:
        self._done = done
        self._next = time.monotonic() + SECONDS
        self._last = -1

    def __call__(self, number: int, total: int) -> None:
        """Take how many of how many are done."""
        at_end = 0 <= self._last < number == total
        if at_end or time.monotonic() >= self._next:
            self._next = time.monotonic() + SECONDS
            self._last = number
            print(f"{self._done} {number:,} of {total:,}", file=sys.stderr, flush=True)
