"""What a source is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hdfs_jobs.storage.base import Storage
from nsynth_batch.catalog.catalog import Recording
from sequencer.rights.rights import Rights


@dataclass(frozen=True)
class Offer:
    """A recording that a source offers.

    Attributes
    ----------
    storage, path
        Where its bytes are; people know it by the path.
    size
        In bytes.
    rights
        Title, author and licence, as far as the source knows them.
    categories
        What pairs are chosen by.
    url
        Where it stays and is read in place; none if its bytes are to be copied.
    """

    storage: Storage
    path: str
    size: int
    rights: Rights
    categories: tuple[str, ...]
    url: str | None = None


class Source(Protocol):
    """A place that recordings come from.

    Attributes
    ----------
    other_files
        How many files it holds that are no recordings; known once `offers` was called.
    notes
        What a person should know of the place, a sentence each; known then too.
    """

    other_files: int
    notes: tuple[str, ...]

    def offers(self) -> Iterator[Offer]:
        """Look at the place now, and give each recording it has in an order that stays."""
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
        Of its content, as far as the source tells before it is fetched.
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


@dataclass(frozen=True)
class BadRecording:
    """A recording that its source names and that cannot be taken, for its own sake.

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
        How many its filters left out so far, by the filter.
    notes
        What a person should know of it, a sentence each.
    """

    hosts: Collection[str]
    other_files: int
    skipped: Counter[str]
    notes: tuple[str, ...]

    def offers(self) -> Iterator[WebOffer | BadRecording]:
        """Ask the place now; more is asked for as more is taken."""
        ...

    def again(self, offer: WebOffer) -> WebOffer | BadRecording:
        """Ask again about one, whose content was not as told."""
        ...

    def owns(self, row: Recording) -> bool:
        """Whether a recording of the catalog came from this place."""
        ...

    def gone(self, names: Collection[str]) -> Iterator[str]:
        """Ask which of some names the place has no more."""
        ...
