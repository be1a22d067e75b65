"""How long a Job that does not go on is watched, and what is said meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from nsynth_batch.errors import CommandError
from nsynth_batch.submit.job_state import Trouble

_SHORT_SECONDS = 30.0
"""How long trouble is watched that waiting does not help: a Secret may be on its way."""

_QUIET_SECONDS = 5.0
"""How long nothing is said of a pod that is only slow to start."""


@dataclass(frozen=True)
class Patience:
    """How long is waited.

    Attributes
    ----------
    start_seconds
        For a pod to start.
    answer_seconds
        For the API server to answer again.
    """

    start_seconds: float = 600.0
    answer_seconds: float = 300.0


class NeverStartedError(CommandError):
    """A Job with a pod that does not start."""


class Waits:
    """What keeps a Job from going on, and since when.

    Parameters
    ----------
    log : callable
        Takes each remark.
    patience : Patience
        How long is waited.
    """

    def __init__(self, log: Callable[[str], None], patience: Patience) -> None:
        self._log = log
        self._patience = patience
        self._logged: set[str] = set()
        self.over()

    def over(self) -> None:
        """Begin to count anew: something went on."""
        self._since: float | None = None
        self._stays_since: float | None = None

    def hold(self, line: str) -> None:
        """Wait as long as it takes: the Job is suspended, or it is on its way."""
        self.over()
        self._log_once(line)

    def see(self, trouble: Trouble, *, begun: bool = False) -> None:
        """Take note of trouble.

        Parameters
        ----------
        trouble : Trouble
            Why a pod does not start.
        begun : bool
            Whether the Job had a pod that did: it is only behind then, and has till its deadline
            for what waiting may mend.

        Raises
        ------
        NeverStartedError
            If it has lasted for too long.
        """
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        if not trouble.stays:
            self._stays_since = None
        elif self._stays_since is None:
            self._stays_since = now
        if trouble.stays or now - self._since >= _QUIET_SECONDS:
            self._log_once(trouble.line)
        short = min(_SHORT_SECONDS, self._patience.start_seconds)
        lasted = now - self._since
        if self._stays_since is not None and now - self._stays_since >= short:
            raise NeverStartedError(trouble.line, trouble.exit_code)
        if not begun and lasted >= self._patience.start_seconds:
            raise NeverStartedError(
                f"{trouble.line}; given up after {lasted:.0f} s (--start-timeout)",
                trouble.exit_code,
            )

    def _log_once(self, line: str) -> None:
        # What follows the colon has times and counts in it that change.
        subject = line.partition(":")[0]
        if subject not in self._logged:
            self._logged.add(subject)
            self._log(line)
