"""What can go wrong in this package, each as one line that says what to do."""

from __future__ import annotations

import errno
from pathlib import Path

_INFRASTRUCTURE = 75
# What stays so however often one tries.
_SETTLED = frozenset(
    {
        errno.EACCES,
        errno.EEXIST,
        errno.EINVAL,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    }
)


class SequencerError(Exception):
    """A wrong argument, file or score: the message is one line, and the command exits with 2."""

    exit_code = 2


class AudioError(SequencerError):
    """A file that is no usable recording.

    Attributes
    ----------
    reason : str
        A slug for counting and for the quarantine: ``empty``, ``not-audio``, ``truncated``,
        ``absurd-header``, ``corrupt``, ``non-finite``, ``sample-rate``, ``no-channels``,
        ``too-short`` or ``silent``.
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
            if self.exit_code == SequencerError.exit_code
            else "make room there or choose another place, and run it again"
        )
        return f"{self.path}: cannot be written ({self.cause.strerror}); {what_to_do}"


def exit_code_of(error: OSError) -> int:
    """Exit with 2 for a path that cannot be, with 75 for what may pass, such as a full disk."""
    return SequencerError.exit_code if error.errno in _SETTLED else _INFRASTRUCTURE
