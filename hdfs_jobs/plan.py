"""Plans: which item belongs to which shard, written down before any work starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hdfs_jobs.canonical import Json, digest_of


@dataclass(frozen=True, slots=True)
class RowRange:
    """Rows ``start`` to ``stop`` (not included) of one shard of the upstream dataset."""

    shard: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Item:
    """One unit of input: what a stage takes in one call.

    Attributes
    ----------
    key : str
        Content identity of the input; shard digests are made from the keys alone.
    title : str
        What a person calls it, in messages and in the quarantine.
    url : str or None
        A file to open as a stream.
    rows : tuple of RowRange
        Rows of the upstream dataset, put into one table in this order.
    extra : mapping
        Small JSON values for the stage.
    """

    key: str
    title: str = ""
    url: str | None = None
    rows: tuple[RowRange, ...] = ()
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shard:
    """A number of items that are worked on and committed together.

    Attributes
    ----------
    number : int
        Its place in the dataset, from 0; it never changes.
    items : tuple of Item
        What it is made of.
    digest : str
        16 hexadecimal digits made from the items' keys in their order.
    """

    number: int
    items: tuple[Item, ...]
    digest: str


def shard_digest(keys: list[str]) -> str:
    """Return the input digest of a shard with these keys."""
    return digest_of(keys)
