"""Manifests: the small JSON file that makes a shard exist."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from hdfs_jobs.canonical_json import Json, canonical_json
from hdfs_jobs.errors import UsageError

FORMAT = 1
_NAME = re.compile(r"(\d{8,})-([0-9a-f]{16})\.json")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One quarantined input: an item, or one row of one.

    Attributes
    ----------
    key, title : str
        What the item is, to the program and to people.
    reason : str
        A slug: the stage's own (`BadInput`), or ``timeout``, ``crash``, ``memory``, ``error``.
    detail : str
        One line for people.
    error : str
        The class of the exception, or how the process ended.
    rows : int
        How many rows are lost with it: a batch of eight that is quarantined whole counts as eight.
    item : str
        The key of the item that it is one row of; empty where it is an item.
    row : int or None
        Which row of that item's input it was made from, where that is known.
    """

    key: str
    title: str
    reason: str
    detail: str
    error: str = "BadInput"
    rows: int = 1
    item: str = ""
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence about an item whose rows are good.

    Attributes
    ----------
    key, title : str
        What the item is, to the program and to people.
    text : str
        One line.
    """

    key: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A quarantine entry of an earlier shard whose input was tried again.

    It counts no more, whatever the result: where it failed again there is a new entry.

    Attributes
    ----------
    shard : int
        The shard that quarantined it.
    key : str
        The entry's.
    rows : int
        How many it counted as.
    """

    shard: int
    key: str
    rows: int = 1


@dataclass(frozen=True, slots=True)
class CommittedShard:
    """What a manifest and its summary both hold of a shard.

    Attributes
    ----------
    shard : int
        The shard's number in its dataset.
    input_digest : str
        Digest of the keys of its items.
    attempt : str
        The attempt that won.
    file : str
        Name of the data file in the dataset's folder.
    items, rows : int
        Items taken in, rows written.
    bytes : int
        Size of the data file.
    sha256 : str
        Of the data file: the same rows have the same bytes.
    seconds, wall_seconds : float
        Seconds in the rows, as the stage counts them, and seconds of work.
    """

    shard: int
    input_digest: str
    attempt: str
    file: str
    items: int
    rows: int
    bytes: int
    sha256: str
    seconds: float
    wall_seconds: float


@dataclass(frozen=True, slots=True)
class Summary(CommittedShard):
    """What a listing needs of a manifest.

    Attributes
    ----------
    quarantined : int
        Rows quarantined.
    settled : int
        Rows that earlier shards quarantined and that this one tried again. A shard tries again
        all of its items or none.
    notes : int
        How many notes its manifest has.
    """

    quarantined: int
    settled: int = 0
    notes: int = 0

    @property
    def manifest_name(self) -> str:
        """The file name of the manifest that this is a summary of."""
        return manifest_name(self.shard, self.input_digest)


@dataclass(frozen=True)
class Manifest(CommittedShard):
    """All that is kept of one committed shard.

    Attributes
    ----------
    settings : mapping
        The dataset's settings.
    facts : mapping of str to str
        Engine, precision, instruction set, versions: as the worker that did it found them.
    counters : mapping of str to int
        What the stage counted, for example dropped tails.
    quarantined : tuple of Quarantined
        What was quarantined, and why.
    settles : tuple of Settled
        Quarantine entries of earlier shards that are this shard's input.
    notes : tuple of Note
        What people should know of items whose rows are good.
    finished_at : str
        When, in UTC.
    """

    settings: Mapping[str, Json] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    counters: Mapping[str, int] = field(default_factory=dict)
    quarantined: tuple[Quarantined, ...] = ()
    settles: tuple[Settled, ...] = ()
    notes: tuple[Note, ...] = ()
    finished_at: str = ""

    def summary(self) -> Summary:
        """Return what a listing needs."""
        shared = {each.name: getattr(self, each.name) for each in fields(CommittedShard)}
        return Summary(
            **shared,
            quarantined=sum(entry.rows for entry in self.quarantined),
            settled=sum(entry.rows for entry in self.settles),
            notes=len(self.notes),
        )


def dump_manifest(manifest: Manifest) -> bytes:
    """Return a manifest as JSON, its own SHA-256 inside."""
    content = {"format": FORMAT, **asdict(manifest)}
    if not manifest.notes:
        del content["notes"]
    content["manifest_sha256"] = _hash(content)
    return json.dumps(content, indent=1, sort_keys=True).encode() + b"\n"


def parse_manifest(data: bytes, where: str) -> Manifest:
    """Read back what `dump_manifest` gave.

    Parameters
    ----------
    data : bytes
        The content.
    where : str
        The file that it came from, for the error.

    Raises
    ------
    UsageError
        The file is not a manifest, is of an unknown format, or was altered.
    """
    content = parse_object(data, where)
    if content.pop("format", None) != FORMAT:
        raise UsageError(f"{where}: not a manifest of format {FORMAT}; use its version")
    recorded = content.pop("manifest_sha256", None)
    if recorded != _hash({"format": FORMAT, **content}):
        raise UsageError(f"{where}: altered since it was written; delete it to redo its shard")
    entries = tuple(Quarantined(**entry) for entry in content.pop("quarantined"))
    settles = tuple(Settled(**entry) for entry in content.pop("settles", ()))
    notes = tuple(Note(**entry) for entry in content.pop("notes", ()))
    return Manifest(**content, quarantined=entries, settles=settles, notes=notes)


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(content)).hexdigest()


def parse_object(data: bytes, where: str) -> dict[str, Any]:
    """Return the JSON object in a small file, or raise UsageError naming the file."""
    try:
        content = json.loads(data)
    except ValueError as error:
        raise UsageError(f"{where}: not JSON ({error}); restore the file") from error
    if not isinstance(content, dict):
        raise UsageError(f"{where}: not a JSON object; restore the file")
    return content


def manifest_name(shard: int, input_digest: str) -> str:
    """Return the file name of a shard's manifest."""
    return f"{shard:08d}-{input_digest}.json"


def parse_manifest_name(name: str) -> tuple[int, str] | None:
    """Return shard and input digest of a manifest's name; None for any other file."""
    match = _NAME.fullmatch(name)
    return (int(match[1]), match[2]) if match else None
