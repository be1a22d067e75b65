"""The exit codes of `nsynth-batch`: those of `sequencer.errors`, and two that runs add."""

from __future__ import annotations

from sequencer.errors import (
    INFRASTRUCTURE,
    INTERRUPTED,
    OK,
    UNEXPECTED,
    USAGE,
    Failure,
    failure,
)

__all__ = [
    "DRAINED",
    "INFRASTRUCTURE",
    "INTERRUPTED",
    "OK",
    "QUARANTINE",
    "UNEXPECTED",
    "USAGE",
    "CommandError",
    "Failure",
    "failure",
]

QUARANTINE = 3
DRAINED = 143


class CommandError(Exception):
    """A command that ends with a message and an exit code of its own.

    Parameters
    ----------
    message : str
        One line: the problem and what to do.
    exit_code : int
        What the process exits with.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
