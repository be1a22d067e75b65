"""What can go wrong in this package, each as one line that says what to do."""

from __future__ import annotations


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
