"""Which recordings of a folder are taken, and which are left out for what reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

from hdfs_jobs.errors import BadInput
from nsynth_batch.catalog.content import Header, header_of
from nsynth_batch.sources.folder import MADE_HERE, first_few, printable
from nsynth_batch.sources.folder_walk import NO_PLAIN_FILE, UNREADABLE, VANISHED
from nsynth_batch.sources.source import Offer, Source

CHANGED = "it changed while it was read"
BEYOND_LIMIT = "beyond --limit"

NAMED_REASONS = (MADE_HERE, NO_PLAIN_FILE, UNREADABLE, VANISHED, CHANGED)
"""Reasons that a recording has in itself: it is named."""


class LeftOutError(Exception):
    """A recording is left out, for a reason that concerns it alone."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnreadableError(Exception):
    """A recording's bytes cannot be read from a disk of this machine."""

    def __init__(self, bad: BadInput) -> None:
        super().__init__(str(bad))
        self.bad = bad


@contextmanager
def reading(remote: bool = False) -> Iterator[None]:
    """Raise what is a recording's own fault as such; the network's stays an OSError.

    Parameters
    ----------
    remote : bool
        Whether a network stands between.

    Raises
    ------
    LeftOutError
        It is no plain file, may not be read, or vanished.
    UnreadableError
        A disk of this machine cannot read it.
    """
    try:
        yield
    except BadInput as error:
        raise LeftOutError(NO_PLAIN_FILE) from error
    except PermissionError as error:
        raise LeftOutError(UNREADABLE) from error
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise LeftOutError(VANISHED) from error
    except OSError as error:
        if remote:
            raise
        raise UnreadableError(BadInput("unreadable", str(error))) from error


@dataclass
class Selection:
    """Which of a source's offers are taken, and what is left out."""

    source: Source
    taken: int = 0
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def header(self, offer: Offer, stream: BinaryIO) -> Header:
        """Return the header of an offer that is wanted."""
        wanted = self.source.wanted
        at = datetime.fromtimestamp(offer.modified, UTC)
        if self.taken == wanted.limit:
            raise LeftOutError(BEYOND_LIMIT)
        if not wanted.has_type(offer.path):
            raise LeftOutError("another of --types")
        reason = wanted.rejects_file(licence=offer.rights.licence, size=offer.size, at=at)
        if reason is not None:
            raise LeftOutError(reason)
        header = header_of(stream)
        if header.made_here:
            raise LeftOutError(MADE_HERE)
        if (reason := wanted.rejects_length(header.seconds)) is not None:
            raise LeftOutError(reason)
        self.taken += 1
        return header

    def leave_out(self, offer: Offer, reason: str) -> None:
        """Note that an offer is left out."""
        self.left_out.setdefault(reason, []).append(printable(offer.path))

    @property
    def skipped(self) -> Counter[str]:
        """How many entries of the source are left out, by the reason."""
        return Counter({reason: len(paths) for reason, paths in self._all().items()})

    def notes(self) -> Iterator[str]:
        """Name what is left out for what it is, and not because it was not asked for."""
        for reason, paths in self._all().items():
            if reason in self.source.left_out or reason in NAMED_REASONS:
                yield f"{reason}: {first_few(paths)}"

    def _all(self) -> dict[str, list[str]]:
        reasons = dict.fromkeys((*self.source.left_out, *self.left_out))
        return {
            reason: [*self.source.left_out.get(reason, ()), *self.left_out.get(reason, ())]
            for reason in reasons
        }
