"""Wait for a condition instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from subprocess import Popen
from typing import Any, TypeVar

_Found = TypeVar("_Found")


def until(
    condition: Callable[[], _Found],
    seconds: float = 240.0,
    *,
    process: Popen[Any] | None = None,
    failed: Callable[[], object] | None = None,
    pause: float = 0.01,
) -> _Found:
    """Return what a condition returns as soon as that is true.

    Parameters
    ----------
    condition
        It is asked again and again.
    seconds : float
        The deadline; generous, since other programs may have the processors.
    process : Popen, optional
        Brings the condition about: once it has ended, waiting is in vain.
    failed : callable, optional
        Returns something true, to be shown, once waiting is in vain.
    pause : float
        Seconds between two questions.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert process is None or process.poll() is None, f"it ended with {process.returncode}"
        assert failed is None or not (reason := failed()), reason
        assert time.monotonic() < deadline, f"it did not come about in {seconds:g} s"
        time.sleep(pause)  # the only sleep that polls
    return found
