"""What a source is, and which one a person means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage import Storage, open_storage
from sequencer.rights import Rights


@dataclass(frozen=True)
class Offer:
    """A recording that a source offers.

    Attributes
    ----------
    storage, path
        Where its bytes are.
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
    """

    other_files: int

    def offers(self) -> Iterator[Offer]:
        """Look at the place now, and give each recording it has in an order that stays."""
        ...


def resolve(source: str) -> Source:
    """Find the source that a SOURCE argument names.

    Parameters
    ----------
    source : str
        A folder of recordings.

    Raises
    ------
    UsageError
        If no source of this version knows it, or there is no such folder.
    """
    if source.startswith("commons:"):
        raise UsageError(
            f"{source}: harvesting Wikimedia Commons is not part of this version; download the "
            "files into a folder with a sources.csv beside them and harvest the folder"
        )
    from nsynth_batch.sources.folder import FolderSource

    return FolderSource(open_storage(source))
