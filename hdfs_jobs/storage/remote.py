"""What storages on other machines have in common: failures that pass, and how long to wait."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage, UnsuitableError

_Result = TypeVar("_Result")

PATIENCE = "HDFS_JOBS_PATIENCE"
"""Variable with the seconds that a service may take to come back, such as for a failover."""

_DEFAULT_PATIENCE = 30.0
_FIRST_DELAY = 0.2
_LONGEST_DELAY = 5.0
_answered: set[tuple[int, str]] = set()
"""Services that this process has an answer of: one that never answered is not waited for."""


class PassingError(OSError):
    """The service could not answer just now: the same request may succeed in a moment."""


class LostAnswerError(PassingError):
    """The connection broke: whether the request was carried out is not known."""


class BusyError(PassingError):
    """The service is there, and asks to try later."""


class WrongAddressError(UnsuitableError):
    """What answers at an address does not speak this protocol: the URL is wrong and stays so."""


class LoginError(PermissionError):
    """The service does not accept who is asking."""


def patience() -> float:
    """Return how many seconds a service may take to come back.

    Raises
    ------
    UsageError
        The variable is no number.
    """
    text = os.environ.get(PATIENCE, "")
    try:
        return max(0.0, float(text or _DEFAULT_PATIENCE))
    except ValueError as error:
        raise UsageError(f"{PATIENCE} is {text!r}: give a number of seconds") from error


class RemoteStorage(Storage):
    """A storage that is reached over a network, which may fail for a moment.

    Parameters
    ----------
    service : str
        What answers, for all storages that it serves: scheme and hosts.
    """

    def __init__(self, service: str) -> None:
        self._service = service

    def _patiently(self, request: Callable[[], _Result]) -> _Result:
        """Repeat a request that fails for a cause that passes, once this service ever answered."""
        known = (os.getpid(), self._service)
        deadline: float | None = None
        delay = _FIRST_DELAY
        while True:
            try:
                result = request()
            except PassingError as error:
                if isinstance(error, BusyError):
                    _answered.add(known)
                if known not in _answered:
                    raise
                if deadline is None:
                    deadline = time.monotonic() + patience()
                if time.monotonic() + delay > deadline:
                    raise
                time.sleep(delay)
                delay = min(2 * delay, _LONGEST_DELAY)
            except (FileNotFoundError, FileExistsError):
                _answered.add(known)
                raise
            else:
                _answered.add(known)
                return result
