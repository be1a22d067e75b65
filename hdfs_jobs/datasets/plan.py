"""Plans: which item belongs to which shard, settled before any work starts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import astuple, dataclass, field
from itertools import chain
from typing import Any

from hdfs_jobs.canonical_json import Json, canonical_json, digest_of
from hdfs_jobs.datasets.manifest import Settled


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
        A file to open as a stream: its URL, its absolute path, or a path inside the store, which
        still holds when the store has moved.
    rows : tuple of RowRange
        Rows of the upstream dataset, put into one table in this order.
    extra : mapping
        Small JSON values for the stage.
    counts_as : int or None
        How many rows are lost with the item when it is quarantined whole; None for as many as its
        upstream rows, or one if it has none.
    settles : tuple of Settled
        What earlier shards quarantined, where the item tries that again.
    """

    key: str
    title: str = ""
    url: str | None = None
    rows: tuple[RowRange, ...] = ()
    extra: Mapping[str, Json] = field(default_factory=dict)
    counts_as: int | None = None
    settles: tuple[Settled, ...] = ()

    @property
    def lost_rows(self) -> int:
        """How many rows are lost with the item when it is quarantined whole."""
        if self.counts_as is not None:
            return self.counts_as
        return sum(part.stop - part.start for part in self.rows) or 1


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

    @classmethod
    def of(cls, number: int, items: Sequence[Item]) -> Shard:
        """Make a shard and its digest."""
        return cls(number, tuple(items), digest_of([item.key for item in items]))

    def to_line(self) -> bytes:
        """Return the shard as a line of JSON; the keys stand apart, to be read alone."""
        content: dict[str, Json] = {
            "shard": self.number,
            "digest": self.digest,
            "keys": [item.key for item in self.items],
            "items": [_without_defaults(item) for item in self.items],
        }
        return canonical_json(content) + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Shard:
        """Read `to_line` back."""
        content = json.loads(line)
        pairs = zip(content["keys"], content["items"], strict=True)
        items = tuple(_item(key, values) for key, values in pairs)
        return cls(content["shard"], items, content["digest"])


class Shards(Sized, Iterable[Shard]):
    """Shards of a plan, read anew each time they are iterated over.

    A million items fit on disk more easily than in memory; ``len`` costs nothing.

    Parameters
    ----------
    count : int
        How many there are.
    read : callable
        Yields them in the order of their numbers.
    """

    def __init__(self, count: int, read: Callable[[], Iterator[Shard]]) -> None:
        self._count = count
        self._read = read

    def __len__(self) -> int:
        """How many shards there are."""
        return self._count

    def __iter__(self) -> Iterator[Shard]:
        """Read them one after the other."""
        return self._read()

    def __add__(self, more: Shards) -> Shards:
        """Return these shards and more that follow them."""
        return Shards(len(self) + len(more), lambda: chain(self, more))

    def count_items(self) -> int:
        """Return how many items the shards hold together, one tried again counted once.

        They are read for that.
        """
        return sum(not item.settles for shard in self for item in shard.items)


def group(items: Iterable[Item], known: set[str], first: int, per_shard: int) -> Iterator[Shard]:
    """Yield new shards of the items whose keys are not known yet.

    Parameters
    ----------
    items : iterable of Item
        In the order they are to be grouped; a key that comes twice counts once.
    known : set of str
        Keys planned already; the new ones are added.
    first : int
        Number of the first new shard.
    per_shard : int
        Items a shard.
    """
    if per_shard < 1:
        raise ValueError(f"a shard holds at least one item, not {per_shard}")
    waiting: list[Item] = []
    for item in items:
        if item.key in known:
            continue
        known.add(item.key)
        waiting.append(item)
        if len(waiting) == per_shard:
            yield Shard.of(first, waiting)
            first += 1
            waiting = []
    if waiting:
        yield Shard.of(first, waiting)


def _without_defaults(item: Item) -> dict[str, Json]:
    content: dict[str, Json] = {}
    if item.title:
        content["title"] = item.title
    if item.url is not None:
        content["url"] = item.url
    if item.rows:
        content["rows"] = [[part.shard, part.start, part.stop] for part in item.rows]
    if item.extra:
        content["extra"] = dict(item.extra)
    if item.counts_as is not None:
        content["counts_as"] = item.counts_as
    if item.settles:
        content["settles"] = [list(astuple(entry)) for entry in item.settles]
    return content


def _item(key: str, content: Mapping[str, Any]) -> Item:
    return Item(
        key,
        content.get("title", ""),
        content.get("url"),
        tuple(RowRange(*part) for part in content.get("rows", ())),
        content.get("extra", {}),
        content.get("counts_as"),
        tuple(Settled(*entry) for entry in content.get("settles", ())),
    )
