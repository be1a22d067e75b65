"""Wait for a condition instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from subprocess import Popen
from typing import Any, TypeVar

_Found = TypeVar("_Found")


def until(
    condition: Callable[[], _Found],
    seconds: float = 60.0,
    *,
    process: Popen[Any] | None = None,
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
        Who brings the condition about: there is no point in waiting once it has ended.
    pause : float
        Seconds between two questions.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        ended = process is not None and process.poll() is not None
        if ended and (found := condition()):
            break
        assert not ended, f"the process ended with {process.returncode} before it came about"
        assert time.monotonic() < deadline, f"it did not come about in {seconds:g} s"
        time.sleep(pause)  # the one place that polls
    return found
