"""How servers are treated: who asks, how fast, how often."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import version

import requests

from hdfs_jobs.errors import UsageError
from nsynth_batch.settings.harvest import WIKIMEDIA_MEGABITS

_CONTACT = re.compile(r"[!-~ ]*(?:[^@\s]@[^@\s]|https?://[^\s/])[!-~ ]*")


@dataclass(frozen=True)
class ClientPolicy:
    """How servers are treated.

    Attributes
    ----------
    contact
        Where the operator of a server reaches the user: an e-mail address or a page.
    megabits
        A second, of all files together.
    timeout
        Seconds without an answer, or with next to nothing of a file, before it is tried again.
    retries
        Backoff more without progress before it is given up.
    backoff
        Seconds: the first pause is up to so long, each next one up to twice as long.
    robots
        Whether the robots.txt of hosts is asked for and obeyed.
    per_day
        Recordings a day; None takes any number.
    pause
        Seconds between two files of a host, on average; 0 makes no pauses.
    seed
        Keys the pauses.
    """

    contact: str
    megabits: float = WIKIMEDIA_MEGABITS
    timeout: float = 60.0
    retries: int = 3
    backoff: float = 2.0
    robots: bool = False
    per_day: int | None = None
    pause: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a contact that is neither an e-mail address nor a page.

        Raises
        ------
        UsageError
            If it is neither an e-mail address nor a page.
        """
        if not (self.contact.isascii() and _CONTACT.fullmatch(self.contact)):
            raise UsageError(
                f"the contact {self.contact!r} is neither an e-mail address nor a page: give one "
                "by which the operators of servers can reach you, as --contact you@example.org"
            )

    @property
    def user_agent(self) -> str:
        """The User-Agent header of all requests."""
        return (
            f"nsynth-batch/{version('nsynth-batch')} ({self.contact}) "
            f"python-requests/{requests.__version__}"
        )
