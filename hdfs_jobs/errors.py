"""The errors of the job layer, each with the exit code a command ends with."""

from __future__ import annotations


def in_one_line(text: str) -> str:
    """Return a message without its line ends, with one space for each stretch of white space."""
    return " ".join(text.split())


class JobError(Exception):
    """A run that cannot go on; the message is one line that says what to do.

    Attributes
    ----------
    exit_code : int
        What a command that ends with this error exits with.
    """

    exit_code = 1


class UsageError(JobError):
    """Configuration that is wrong and stays wrong: trying again cannot help."""

    exit_code = 2


class InfrastructureError(JobError):
    """Storage, network or workers failed: the same command may succeed later."""

    exit_code = 75


MISSING = "missing"
UNREADABLE = "unreadable"
"""Reasons of inputs that were planned and cannot be read now; they may come back."""


class BadInput(Exception):
    """One input that cannot be used; a stage raises it, the runner quarantines the item.

    Parameters
    ----------
    reason : str
        A short slug that reports count by, for example ``"truncated"``.
    detail : str
        One line for people: what was found, and what was expected.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        """Return reason and detail in one line."""
        return f"{self.reason}: {self.detail}" if self.detail else self.reason
