"""Which of the recordings that a source offers are wanted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from sequencer.rights.spdx import licence_ids

TYPES = {
    "wav": (".wav",),
    "flac": (".flac",),
    "ogg": (".ogg", ".oga"),
    "opus": (".opus",),
    "mp3": (".mp3",),
}
"""Suffixes by the name of a type."""


@dataclass(frozen=True)
class HarvestFilter:
    """What is asked of a recording.

    Attributes
    ----------
    types
        Names of `TYPES`; None for all.
    min_seconds, max_seconds
        Its length; one whose length is not known fits no limit.
    max_bytes
        Its size, likewise.
    licences
        SPDX ids, with ``*`` for any letters. Of alternatives one has to fit, else all.
    since
        The content it has now is of this time or later.
    limit
        The most recordings taken.
    """

    types: tuple[str, ...] | None = ("wav",)
    min_seconds: float | None = None
    max_seconds: float | None = None
    max_bytes: int | None = None
    licences: tuple[str, ...] = ()
    since: datetime | None = None
    limit: int | None = None

    def has_type(self, name: str) -> bool:
        """Whether a file is of a wanted type by its name."""
        suffix = PurePosixPath(name).suffix.lower()
        return self.types is None or any(suffix in TYPES[kind] for kind in self.types)

    def rejects(
        self, *, licence: str, size: int | None, at: datetime | None, seconds: float | None
    ) -> str | None:
        """Return the filter that skips a recording; None if it is wanted.

        Parameters
        ----------
        licence : str
            An SPDX expression.
        size : int or None
            In bytes.
        at : datetime or None
            When its content was last changed.
        seconds : float or None
            Its length.
        """
        return self.rejects_length(seconds) or self.rejects_file(licence=licence, size=size, at=at)

    def rejects_length(self, seconds: float | None) -> str | None:
        """Return the filter on lengths that skips a recording; None if it is wanted."""
        if (self.min_seconds is not None or self.max_seconds is not None) and not seconds:
            return "unknown length"
        if self.min_seconds is not None and (seconds or 0) < self.min_seconds:
            return "shorter than --min-seconds"
        if self.max_seconds is not None and (seconds or 0) > self.max_seconds:
            return "longer than --max-seconds"
        return None

    def rejects_file(self, *, licence: str, size: int | None, at: datetime | None) -> str | None:
        """Return what skips a recording before it is opened; None if it is wanted."""
        if self.max_bytes is not None and size is None:
            return "unknown size"
        if self.max_bytes is not None and (size or 0) > self.max_bytes:
            return "more than --max-bytes"
        if self.since is not None and (at is None or at < self.since):
            return "older than --since"
        if self.licences and not self._has_licence(licence):
            return "another --licence"
        return None

    def _has_licence(self, expression: str) -> bool:
        fits = [
            any(fnmatchcase(name.lower(), wanted.lower()) for wanted in self.licences)
            for name in licence_ids(expression)
        ]
        return any(fits) if " AND " not in expression.upper() else all(fits)
