"""The catalog: what is known of each recording. Files are only added, the latest row wins."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage
from nsynth_batch.catalog.tables import read_table
from nsynth_batch.catalog.tombstones import Forgotten, read_forgotten
from sequencer.rights.rights import UNKNOWN_LICENCE

if TYPE_CHECKING:
    import pyarrow as pa

    from sequencer.rights.rights import Rights

FOLDER = "catalog"

_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Recording:
    """What is known of one recording.

    Attributes
    ----------
    file_id
        SHA-1 of its content, in hex.
    title, author, licence, licence_url, attribution, page_url
        Its rights; `licence` is an SPDX expression.
    raw_url
        Where its bytes are: a path inside the store, or a URL where they are read in place.
    categories
        What pairs are chosen by.
    duration
        In seconds as its header declares it; None where it declares none.
    revision
        Of its page, where it comes from a wiki; None otherwise.
    retrieved_at
        When it was seen like this.
    deleted
        Whether it may not be used any more: its source has it no more, or it was forgotten.
    source_path
        Where its source had it: what messages call it. None in stores of before this was kept.
    source
        The folder that `source_path` begins at, as a path or URL. None for the web, and in stores
        of before this was kept.
    joined
        Whether its rights join what several sources claim: no later row of one of them replaces
        all of it.
    """

    file_id: str
    title: str
    page_url: str
    raw_url: str
    author: str
    licence: str
    licence_url: str
    attribution: str
    categories: tuple[str, ...]
    duration: float | None
    revision: str | None
    retrieved_at: datetime
    deleted: bool = False
    source_path: str | None = None
    source: str | None = None
    joined: bool = False

    @property
    def usable(self) -> bool:
        """Whether its licence lets it into a mash-up without being asked for.

        A folder's recording without rights passes, for its owner put it there; one from a wiki
        does not.
        """
        return self.revision is None or self.rights().known

    @classmethod
    def from_rights(cls, rights: Rights, **facts: Any) -> Recording:
        """Return a recording of some rights.

        Parameters
        ----------
        rights : Rights
            Title, author, licence and page.
        **facts
            The other attributes.
        """
        return cls(**asdict(rights), **facts)

    def with_rights(self, rights: Rights) -> Recording:
        """Return the recording with other rights."""
        return replace(self, **asdict(rights))

    def rights(self) -> Rights:
        """Return the part that the credits are made of."""
        from sequencer.rights.rights import Rights

        return Rights(**{field.name: getattr(self, field.name) for field in fields(Rights)})

    def same_as(self, other: Recording | None) -> bool:
        """Whether another row equals this one, apart from its time."""
        return other is not None and self == _at(other, self.retrieved_at)


def _at(row: Recording, when: datetime) -> Recording:
    return Recording(**{**asdict(row), "categories": row.categories, "retrieved_at": when})


def schema() -> pa.Schema:
    """Return the columns of the catalog."""
    import pyarrow as pa

    types: dict[str, Any] = {
        "categories": pa.list_(pa.string()),
        "duration": pa.float64(),
        "retrieved_at": pa.timestamp("us", tz="UTC"),
        "deleted": pa.bool_(),
        "joined": pa.bool_(),
    }
    return pa.schema([(f.name, types.get(f.name, pa.string())) for f in fields(Recording)])


class Catalog:
    """The catalog of a store.

    Parameters
    ----------
    storage : Storage
        The store's.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def append(self, rows: Sequence[Recording]) -> None:
        """Add rows; write no file if there are no rows."""
        if not rows:
            return
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pylist([asdict(row) for row in rows], schema=schema())
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        with self._storage.create(f"{FOLDER}/{stamp}-{uuid.uuid4().hex}.parquet") as stream:
            pq.write_table(table, stream, compression="zstd")

    def recordings(self) -> Recordings:
        """Read the latest row of each recording.

        Raises
        ------
        UsageError
            A file of the catalog, or a tombstone, is damaged.
        """
        import pyarrow as pa

        paths = sorted(e.path for e in self._storage.list(FOLDER) if e.path.endswith(".parquet"))
        tables = [self._read(path) for path in paths]
        table = pa.concat_tables(tables) if tables else schema().empty_table()
        return Recordings(table, read_forgotten(self._storage))

    def _read(self, path: str) -> pa.Table:
        remedy = "restore it from a copy, or delete it and harvest its source again"
        table = read_table(self._storage, path, remedy, schema())
        for name in ("file_id", "retrieved_at"):
            if table.column(name).null_count:
                raise UsageError(
                    f"{self._storage.url}/{path} is no file of a catalog: rows without "
                    f"{name}; {remedy}"
                )
        return table


class Recordings(Mapping[str, Recording]):
    """Recordings by file id, in the order in which they were first seen.

    The rows stay in Arrow's memory: a million of them are a few hundred MB less than as objects.
    A forgotten recording counts as deleted, whatever its row holds.

    Parameters
    ----------
    table : pa.Table
        Rows of the catalog, older files first.
    forgotten : Forgotten, optional
        The store's tombstones.

    Attributes
    ----------
    forgotten : Forgotten
    """

    def __init__(self, table: pa.Table, forgotten: Forgotten | None = None) -> None:
        self._table = table
        # By itself a look-up in the table goes through all files of the catalog.
        self._parts = table.to_batches()
        self._starts = np.cumsum([0, *(len(part) for part in self._parts[:-1])])
        self.forgotten = forgotten or Forgotten()
        ids = table.column("file_id").combine_chunks().dictionary_encode()
        self._ids: pa.StringArray = ids.dictionary
        times = table.column("retrieved_at").cast("int64").to_numpy()
        self._latest = np.empty(len(self._ids), np.int64)
        # For each recording keep the row with the latest time; on a tie, the later row.
        order = np.argsort(times, kind="stable")
        self._latest[ids.indices.to_numpy()[order]] = order

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {file_id: number for number, file_id in enumerate(self)}

    def __getitem__(self, file_id: str) -> Recording:
        row = int(self._latest[self._numbers[file_id]])
        part = int(np.searchsorted(self._starts, row, side="right")) - 1
        batch, at = self._parts[part], row - int(self._starts[part])
        # A third of the time that a slice of one row takes.
        return self._recording({name: batch[name][at].as_py() for name in batch.schema.names})

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids.to_pylist())

    def __len__(self) -> int:
        return len(self._ids)

    def rows(self) -> Iterator[Recording]:
        """Yield each recording, those that are marked as deleted too."""
        # Many rows at a time: one by one, a million take more than a minute.
        for start in range(0, len(self), _ROWS_AT_ONCE):
            rows = self._table.take(self._latest[start : start + _ROWS_AT_ONCE]).to_pylist()
            yield from map(self._recording, rows)

    def history(self, file_id: str) -> Iterator[Recording]:
        """Yield all rows of a recording, the oldest first."""
        import pyarrow.compute as pc

        rows = self._table.filter(pc.equal(self._table["file_id"], file_id)).to_pylist()
        yield from map(self._recording, sorted(rows, key=lambda row: row["retrieved_at"]))

    def current(self) -> Iterator[Recording]:
        """Yield each recording that is not marked as deleted."""
        return (recording for recording in self.rows() if not recording.deleted)

    def withheld(self) -> Iterator[Recording]:
        """Yield each recording that is deleted, or from a wiki and of no known licence."""
        import pyarrow as pa
        import pyarrow.compute as pc

        latest = self._table.select(["file_id", "licence", "revision", "deleted"]).take(
            self._latest
        )
        # Filter a million rows by columns; build objects only for the few that pass.
        unknown = pc.match_substring(latest["licence"], UNKNOWN_LICENCE, ignore_case=True)
        suspects = pc.or_kleene(
            pc.or_kleene(
                latest["deleted"], pc.and_kleene(pc.is_valid(latest["revision"]), unknown)
            ),
            pc.is_in(latest["file_id"], pa.array(list(self.forgotten), pa.string())),
        )
        rows = pc.indices_nonzero(pc.fill_null(suspects, False)).to_numpy()
        for row in self._table.take(self._latest[rows]).to_pylist():
            recording = self._recording(row)
            if recording.deleted or not recording.usable:
                yield recording

    def _recording(self, row: dict[str, Any]) -> Recording:
        given_up = bool(row["deleted"]) or row["file_id"] in self.forgotten
        categories = tuple(row["categories"] or ())
        joined = bool(row["joined"])
        facts = {"categories": categories, "deleted": given_up, "joined": joined}
        return Recording(**{**row, **facts})
