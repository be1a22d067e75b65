"""What a command ends with when something goes wrong: one line, and the exit code."""

from __future__ import annotations

import errno
import traceback
from dataclasses import dataclass

from sequencer.text import flattened

OK = 0
UNEXPECTED = 1
USAGE = 2
QUARANTINE = 3
INFRASTRUCTURE = 75
INTERRUPTED = 130
DRAINED = 143

_SETTLED = (
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
_ADVICE = {
    errno.EROFS: "the file system is read-only: give a --store that can be written",
    errno.ENOSPC: "the disk is full: make room, then run the same command again to go on",
    errno.EDQUOT: "the quota is used up: make room, then run the same command again to go on",
}


class CommandError(Exception):
    """A command that ends with a message and an exit code of its own.

    Parameters
    ----------
    message : str
        One line that says what to do.
    exit_code : int
        What the process exits with.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Failure:
    """How a command failed.

    Attributes
    ----------
    message
        One line.
    exit_code
        What the process exits with.
    """

    message: str
    exit_code: int


def failure(error: BaseException) -> Failure:
    """Find line and exit code of an error.

    Errors of the three packages carry their exit code. Of what the operating system raises, a
    missing or forbidden file stays so however often one tries, and the rest may pass.
    """
    if isinstance(error, KeyboardInterrupt):
        return Failure("interrupted; run the same command again to go on", INTERRUPTED)
    code = getattr(error, "exit_code", None)
    # The command line parser's own errors put their words together when asked.
    words = getattr(error, "format_message", None)
    message = flattened(words() if callable(words) else str(error))
    if isinstance(code, int):
        return Failure(message, code)
    if isinstance(error, OSError):
        settled = isinstance(error, _SETTLED) or error.errno == errno.EROFS
        if advice := _ADVICE.get(error.errno or 0):
            message = f"{message}; {advice}"
        return Failure(message, USAGE if settled else INFRASTRUCTURE)
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" in {last[0].name}, line {last[0].lineno} of {last[0].filename}" if last else ""
    return Failure(
        f"unexpected {type(error).__name__}{place}: {message}; --verbose shows the traceback",
        UNEXPECTED,
    )
