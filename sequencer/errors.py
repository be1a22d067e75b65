"""What can go wrong, each as one line that says what to do, and the one table of exit codes."""

from __future__ import annotations

import errno
import re
import traceback
from pathlib import Path
from typing import NamedTuple

from sequencer.text import flattened

OK = 0
UNEXPECTED = 1
USAGE = 2
INFRASTRUCTURE = 75
INTERRUPTED = 130

_PASSING = frozenset(
    getattr(errno, name)
    for name in (
        # The machine is short of something that others may give back.
        "EAGAIN", "EBUSY", "EDEADLK", "EDQUOT", "EMFILE", "ENFILE", "ENOBUFS", "ENOLCK", "ENOMEM",
        "ENOSPC", "ENOSR", "ETXTBSY", "EUSERS", "EADDRINUSE",
        # A device or a file system of the network is away.
        "ECOMM", "EIO", "ENOLINK", "EREMOTEIO", "ESTALE",
        # The network, or a host in it, is away.
        "EALREADY", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "EHOSTDOWN", "EHOSTUNREACH",
        "EINPROGRESS", "EINTR", "ENETDOWN", "ENETRESET", "ENETUNREACH", "ENOTCONN", "EPIPE",
        "ESHUTDOWN", "ETIME", "ETIMEDOUT",
    )
    if hasattr(errno, name)
)  # fmt: skip
"""Causes that can pass by themselves; every other one stays however often one tries."""

_SETTLED_WITHOUT_NUMBER = (
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)

_OF_THE_CHECKER = re.compile(r": (Value error|Assertion failed), ")
"""What the parser passes on of the library that checks values."""

_ADVICE = {
    errno.EROFS: "the file system is read-only: choose a place that can be written",
    errno.ENOSPC: "the disk is full: make room, then run the same command again",
    errno.EDQUOT: "the quota is used up: make room, then run the same command again",
}


class SequencerError(Exception):
    """A wrong argument, file or score: the message is one line, and the command exits with 2."""

    exit_code = USAGE


class AudioError(SequencerError):
    """A file that is no usable recording.

    Attributes
    ----------
    reason : str
        A slug for counting and for the quarantine: ``empty``, ``not-audio``, ``truncated``,
        ``absurd-header``, ``wrong-length``, ``corrupt``, ``needs-ffmpeg``, ``non-finite``,
        ``sample-rate``, ``no-channels``, ``too-short`` or ``silent``.
    detail : str
        One sentence with the numbers.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class OutputError(SequencerError):
    """A file that cannot be written.

    Attributes
    ----------
    path : Path
        The file that was asked for.
    exit_code : int
        As `exit_code_of` gives it for the cause.
    """

    def __init__(self, path: Path, cause: OSError) -> None:
        super().__init__(path, cause)
        self.path = path
        self.cause = cause
        self.exit_code = exit_code_of(cause)

    def __str__(self) -> str:
        what_to_do = (
            "choose another place, one where files can be made"
            if self.exit_code == USAGE
            else "make room there or choose another place, and run it again"
        )
        return f"{self.path}: cannot be written ({self.cause.strerror}); {what_to_do}"


class Failure(NamedTuple):
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


def exit_code_of(error: OSError) -> int:
    """Return 75 for what can pass by itself, such as a full disk, and 2 for everything else.

    An error without a number comes from a library that speaks to a network, and may pass; its
    class can still report that a path is missing, or forbidden.
    """
    if error.errno is not None:
        return INFRASTRUCTURE if error.errno in _PASSING else USAGE
    return USAGE if isinstance(error, _SETTLED_WITHOUT_NUMBER) else INFRASTRUCTURE


def failure(error: BaseException) -> Failure:
    """Return the line and the exit code of an error.

    An error that has an ``exit_code`` of its own keeps it; so do the errors of the command line's
    parser, which name the help of the command that was meant.
    """
    if isinstance(error, KeyboardInterrupt):
        return Failure("interrupted; run the same command again to go on", INTERRUPTED)
    parsing = getattr(error, "format_message", None)
    if callable(parsing):
        words = _OF_THE_CHECKER.sub(": ", flattened(parsing())).replace(": Input should", ": must")
        return Failure(f"{words.rstrip('.')}; see {_help_of(error)}", USAGE)
    code = getattr(error, "exit_code", None)
    if isinstance(code, int):
        return Failure(flattened(str(error)), code)
    if isinstance(error, OSError):
        return Failure(_words_of(error), exit_code_of(error))
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" in {last[0].name}, line {last[0].lineno} of {last[0].filename}" if last else ""
    return Failure(
        f"unexpected {type(error).__name__}{place}: {flattened(str(error))}; "
        "--verbose shows the traceback",
        UNEXPECTED,
    )


def _words_of(error: OSError) -> str:
    if error.strerror is None:
        return flattened(str(error))
    words = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    advice = _ADVICE.get(error.errno or 0)
    return flattened(f"{words}; {advice}" if advice else words)


def _help_of(error: BaseException) -> str:
    command = getattr(getattr(error, "ctx", None), "command_path", None)
    return f"`{command} --help`" if command else "--help"
