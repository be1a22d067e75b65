"""Lineage: from which recordings the rows of a dataset are derived.

Each step has two rules. Its `Source` names the columns of the recordings in what it reads, its
`Lineage` those behind what it has written. Rules hold names only; the functions and
methods here read by them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item, RowRange
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from nsynth_batch.catalog.tables import read_table
from nsynth_batch.store.layout import CORPORA, upstream_of


@dataclass(frozen=True)
class ItemKey:
    """The key of an item is the file id of the one recording that it stands for."""


@dataclass(frozen=True)
class Columns:
    """Columns of the table itself hold file ids.

    Attributes
    ----------
    paths : tuple of str
        The columns; ``a.file_id`` is a field of the struct ``a``, or of each struct of the list
        ``a``. A table of one shape has some of them, one of another shape others.
    """

    paths: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The columns of the table that have to be read."""
        return list(dict.fromkeys(path.split(".")[0] for path in self.paths))

    def file_ids(self, table: pa.Table) -> list[tuple[str, ...]]:
        """Return the recordings behind each row of a table with these columns.

        Raises
        ------
        KeyError
            If it has none of them.
        """
        found: list[list[str]] = [[] for _ in range(len(table))]
        for rows, file_ids in self._columns(table):
            for row, file_id in zip(rows.to_pylist(), file_ids.to_pylist(), strict=True):
                if file_id is not None:
                    found[row].append(file_id)
        return [tuple(row) for row in found]

    def rows_of(self, file_ids: Collection[str], table: pa.Table) -> pa.UInt64Array:
        """Return the numbers of the rows that are derived from any of some recordings."""
        wanted = pa.array(list(file_ids), pa.string())
        hits = [
            rows.filter(pc.is_in(column, wanted)).cast(pa.uint64())
            for rows, column in self._columns(table)
        ]
        found = pa.concat_arrays(hits).unique()
        return found.take(pc.array_sort_indices(found))

    def _columns(self, table: pa.Table) -> Iterator[tuple[pa.Array, pa.Array]]:
        """Yield of each column that the table has the file ids, and the row of each."""
        there = [path for path in self.paths if path.split(".")[0] in table.column_names]
        if not there:
            raise KeyError(f"a table of {table.column_names} has none of {self.paths}")
        for path in there:
            name, *fields = path.split(".")
            column = table.column(name).combine_chunks()
            rows = pa.array(range(len(column)), pa.int64())
            if pa.types.is_list(column.type):
                rows, column = pc.list_parent_indices(column), pc.list_flatten(column)
            yield rows, pc.struct_field(column, fields) if fields else column


@dataclass(frozen=True)
class Link:
    """Each row names the row of another dataset that it was made from.

    Attributes
    ----------
    dataset : str
        The other dataset's name; the setting of that name is its digest.
    column : str
        Holds the name of the row, in both tables.
    to : Columns
        Where the recordings stand in the other table.
    row_id : str
        Column of the row's own id.
    """

    dataset: str
    column: str
    to: Columns
    row_id: str


@dataclass(frozen=True)
class Corpus:
    """Every row is derived from all recordings that a model was trained on.

    Attributes
    ----------
    setting : str
        The dataset's setting that names the list of them, a table with a column ``file_id`` in
        the folder `CORPORA`.
    row_id : str
        Column of the row's own id.
    primes : Columns or None
        Where the recordings stand that single rows were begun from.
    model : str
        The dataset's setting that holds the model's digest.
    """

    setting: str
    row_id: str
    primes: Columns | None = None
    model: str = "checkpoint"


Source = ItemKey | Columns
Lineage = Columns | Link | Corpus
LineageOf = Callable[[Dataset], Lineage]
"""Returns the rule of the step that made a dataset."""


def corpus_path(digest: str) -> str:
    """Return where a store keeps the list of recordings behind a model."""
    return f"{CORPORA}/{digest}.parquet"


def pending_recordings(dataset: Dataset, upstream: Dataset | None, source: Source) -> set[str]:
    """Return the recordings that planned and uncommitted items are made from, by file id.

    Parameters
    ----------
    dataset : Dataset
        What is written.
    upstream : Dataset or None
        What the rows of the items refer to.
    source : ItemKey or Columns
        Where the recordings stand in what is read.
    """
    items = (item for shard in dataset.pending() for item in shard.items)
    if isinstance(source, ItemKey):
        return {item.key for item in items}
    if upstream is None:
        return set()
    found: set[str] = set()
    for number, parts in _by_shard(items).items():
        # Each shard once, and of it the ids alone: an item has often rows of several.
        table = upstream.read(number, source.names)
        for part in parts:
            found.update(*source.file_ids(table.slice(part.start, part.stop - part.start)))
    return found


def _by_shard(items: Iterable[Item]) -> dict[int, list[RowRange]]:
    parts: dict[int, list[RowRange]] = {}
    for item in items:
        for part in item.rows:
            parts.setdefault(part.shard, []).append(part)
    return parts


class Derivations:
    """Finds the committed rows of a store that are derived from some recordings.

    Parameters
    ----------
    store : Store
        Whose datasets are read.
    lineage_of : callable
        Returns the rule of the step that made a dataset.
    file_ids : collection of str
        The recordings.
    """

    def __init__(self, store: Store, lineage_of: LineageOf, file_ids: Collection[str]) -> None:
        self._store = store
        self._lineage_of = lineage_of
        self._wanted = frozenset(file_ids)
        self._linked: dict[str, dict[str, tuple[str, ...]]] = {}

    def rows(self, dataset: Dataset) -> Iterator[tuple[str, frozenset[str]]]:
        """Yield the id of each row that is derived from some of them, and from which.

        The id is empty where rows have none of their own.

        Raises
        ------
        UsageError
            If a dataset that this one was made from is missing, or the list of a corpus.
        """
        if not self._wanted:
            return
        rule = self._lineage_of(dataset)
        if isinstance(rule, Columns):
            for _, table in dataset.tables(rule.names):
                for found in self._in_columns(rule, table):
                    yield "", found
        elif isinstance(rule, Link):
            yield from self._by_link(dataset, rule)
        else:
            yield from self._by_corpus(dataset, rule)

    def model_of(self, dataset: Dataset) -> tuple[str, frozenset[str]]:
        """Return a dataset's model, and which of them it was trained on; none if no model made it.

        Returns
        -------
        (str, frozenset of str)
            The model's digest, and file ids.

        Raises
        ------
        UsageError
            If the list of a corpus is missing.
        """
        rule = self._lineage_of(dataset) if self._wanted else None
        if not isinstance(rule, Corpus):
            return "", frozenset()
        corpus = self._corpus(str(dataset.settings[rule.setting]))
        return str(dataset.settings[rule.model]), self._wanted & corpus

    def _in_columns(self, rule: Columns, table: pa.Table) -> Iterator[frozenset[str]]:
        hits = table.take(rule.rows_of(self._wanted, table))
        return (self._wanted.intersection(row) for row in rule.file_ids(hits))

    def _by_link(self, dataset: Dataset, rule: Link) -> Iterator[tuple[str, frozenset[str]]]:
        parents = self._parents(upstream_of(self._store, dataset, rule.dataset), rule)
        for _, table in dataset.tables([rule.row_id, rule.column]) if parents else ():
            names = table.column(rule.column).to_pylist()
            for row_id, name in zip(table.column(rule.row_id).to_pylist(), names, strict=True):
                if name in parents:
                    yield row_id, frozenset(parents[name])

    def _parents(self, upstream: Dataset, rule: Link) -> dict[str, tuple[str, ...]]:
        """Return which of the recordings are behind each row of a linked dataset, if any is."""
        if upstream.path not in self._linked:
            found: dict[str, tuple[str, ...]] = {}
            for _, table in upstream.tables([rule.column, *rule.to.names]):
                hits = table.take(rule.to.rows_of(self._wanted, table))
                names = hits.column(rule.column).to_pylist()
                for name, parents in zip(names, self._in_columns(rule.to, hits), strict=True):
                    found[name] = tuple(parents)
            self._linked[upstream.path] = found
        return self._linked[upstream.path]

    def _by_corpus(self, dataset: Dataset, rule: Corpus) -> Iterator[tuple[str, frozenset[str]]]:
        _, trained_on = self.model_of(dataset)
        columns = [rule.row_id, *(rule.primes.names if rule.primes else ())]
        for _, table in dataset.tables(columns):
            row_ids = table.column(rule.row_id).to_pylist()
            primes: Sequence[tuple[str, ...]] = [()] * len(table)
            if rule.primes is not None:
                primes = rule.primes.file_ids(table)
            for row_id, prime in zip(row_ids, primes, strict=True):
                if found := trained_on.union(self._wanted.intersection(prime)):
                    yield row_id, found

    def _corpus(self, digest: str) -> frozenset[str]:
        storage, path = self._store.storage, corpus_path(digest)
        remedy = "restore it from a copy, or train the model again"
        try:
            table = read_table(storage, path, remedy)
        except FileNotFoundError:
            raise UsageError(
                f"{storage.url}/{path} is missing, the list of what a model was trained on: "
                f"{remedy}"
            ) from None
        return frozenset(table.column("file_id").to_pylist())
