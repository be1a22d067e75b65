"""What a source is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from hdfs_jobs.backend import Storage
from sequencer.rights import Rights


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
    """

    storage: Storage
    path: str
    size: int
    rights: Rights
    categories: tuple[str, ...]


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
