"""What a source is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol

from nsynth_batch.catalog.catalog import Recording
from nsynth_batch.sources.filters import HarvestFilter
from sequencer.rights.rights import Rights

Stop = Callable[[], bool]
"""Whether to stop."""


@dataclass(frozen=True)
class Offer:
    """A recording that a folder offers.

    Attributes
    ----------
    path
        Where it is in its folder; people know it by this.
    size
        In bytes.
    rights
        Title, author and licence, as far as the source knows them.
    categories
        What pairs are chosen by.
    modified
        When its content last changed, in seconds since 1970.
    open
        Opens its bytes; raises BadInput if it is no plain file.
    source
        URL of the folder.
    url
        Where it stays and is read in place; None if its bytes are to be copied.
    """

    path: str
    size: int
    rights: Rights
    categories: tuple[str, ...]
    modified: float
    open: Callable[[], BinaryIO] = field(compare=False)
    source: str
    url: str | None = None


class Source(Protocol):
    """A place that recordings come from.

    Attributes
    ----------
    wanted
        Which of its recordings are taken.
    other_files
        How many files it holds that are no recordings; known once `offers` was called.
    left_out
        Paths of entries that it left out, by the reason; known then too.
    notes
        Warnings about the place, a sentence each; known then too.
    """

    wanted: HarvestFilter
    other_files: int
    left_out: Mapping[str, Sequence[str]]
    notes: tuple[str, ...]

    def offers(self, stop: Stop = ...) -> Iterator[Offer]:
        """Look at the place now, and yield each recording it has in an order that stays."""
        ...

    def path_of(self, row: Recording) -> str | None:
        """Return the path at which the place gave a recording; None if it did not."""
        ...

    def has(self, path: str) -> bool | None:
        """Whether there is a recording at a path now; None where that cannot be known."""
        ...


@dataclass(frozen=True)
class WebOffer:
    """A recording that a source on the web offers.

    Attributes
    ----------
    name
        What its source calls it: ``File:…`` on a wiki, else its URL.
    url
        Where its bytes are.
    rights, categories
        As in `Offer`.
    size, sha1, seconds, uploaded_at
        Of its content, as far as the source declares it before the download.
    revision
        Of its page, where it comes from a wiki.
    """

    name: str
    url: str
    rights: Rights
    categories: tuple[str, ...] = ()
    size: int | None = None
    sha1: str | None = None
    seconds: float | None = None
    uploaded_at: datetime | None = None
    revision: str | None = None

    def skipped_by(self, wanted: HarvestFilter) -> str | None:
        """Return the filter that skips it; None if it is wanted."""
        return wanted.rejects(
            licence=self.rights.licence, size=self.size, at=self.uploaded_at, seconds=self.seconds
        )


@dataclass(frozen=True)
class BadRecording:
    """A recording that its source names and that cannot be taken.

    Attributes
    ----------
    name
        As in `WebOffer`.
    reason
        A slug that reports count by.
    detail
        One line for people.
    """

    name: str
    reason: str
    detail: str


class WebSource(Protocol):
    """A place on the web that recordings come from.

    Attributes
    ----------
    hosts
        That may be asked for its files.
    other_files
        How many files it named so far that are no recordings.
    skipped
        How many its filters skipped so far, by the filter.
    notes
        Warnings about it, a sentence each.
    """

    hosts: Collection[str]
    other_files: int
    skipped: Counter[str]
    notes: tuple[str, ...]

    def offers(self) -> Iterator[WebOffer | BadRecording]:
        """Ask the place now; more is asked for as more is taken."""
        ...

    def again(self, offer: WebOffer) -> WebOffer | BadRecording:
        """Ask again about an offer whose content differed from what the source declared."""
        ...

    def owns(self, row: Recording) -> bool:
        """Whether a recording of the catalog came from this place."""
        ...

    def withdrawn(self, names: Collection[str]) -> Iterator[str]:
        """Ask which of some names the place has no more."""
        ...
