"""Parquet files of a shard: the same rows give the same bytes, however they came in batches."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from hdfs_jobs.datasets.plan import RowRange
from hdfs_jobs.storage.base import Storage

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a data file must be to count: rows, bytes and their SHA-256."""

    rows: int
    bytes: int
    sha256: str


class _Hashing(io.RawIOBase):
    """Passes bytes on and hashes them on the way."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self.hash = hashlib.sha256()
        self.count = 0

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer) -> int:
        view = memoryview(data).cast("B")
        self._stream.write(view)
        self.hash.update(view)
        self.count += len(view)
        return len(view)

    def tell(self) -> int:
        return self.count

    def abandon(self) -> None:
        """Pass nothing on any more."""
        self._stream = io.BytesIO()


class ShardWriter:
    """Writes batches into one Parquet file.

    Rows are gathered into row groups of an exact size, so neither the batches that they came in
    nor the memory of the machine leaves a trace in the bytes.

    Parameters
    ----------
    stream : binary stream
        Where to; it is not closed.
    schema : pyarrow.Schema
        Of every batch.
    row_group_rows : int
        Rows a row group.
    """

    def __init__(self, stream: BinaryIO, schema: pa.Schema, row_group_rows: int) -> None:
        self._out = _Hashing(stream)
        self._schema = schema
        self._group = row_group_rows
        self._writer = pq.ParquetWriter(
            self._out,
            schema,
            compression="zstd",
            use_dictionary=False,
            column_encoding=dict.fromkeys(_short_integers(schema), "DELTA_BINARY_PACKED"),
            version="2.6",
        )
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._rows = 0

    def __enter__(self) -> ShardWriter:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the file cut short after an exception: pyarrow would write a valid footer."""
        if kind is not None:
            self._out.abandon()
            self._writer.close()

    def write(self, batch: pa.RecordBatch) -> None:
        """Take in one batch; full row groups go to the file."""
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        if self._waiting_rows >= self._group:
            table = pa.Table.from_batches(self._waiting, self._schema)
            whole = table.num_rows - table.num_rows % self._group
            for start in range(0, whole, self._group):
                self._put(table.slice(start, self._group))
            self._waiting = table.slice(whole).to_batches()
            self._waiting_rows = table.num_rows - whole

    def finish(self) -> FileFacts:
        """Write what is left and the footer; return what the file must be."""
        if self._waiting_rows:
            self._put(pa.Table.from_batches(self._waiting, self._schema))
        self._writer.close()
        return FileFacts(self._rows, self._out.count, self._out.hash.hexdigest())

    def _put(self, table: pa.Table) -> None:
        # Pages end where chunks do, so a row group is one chunk whatever it was gathered from.
        self._writer.write_table(table.combine_chunks(), row_group_size=self._group)
        self._rows += table.num_rows


def _short_integers(fields: Iterable[pa.Field], parent: str = "") -> Iterator[str]:
    """Yield the columns of int16 by their paths in a file.

    Parquet knows none shorter than 32 bits: half of what zstd would look through is nothing.
    """
    for field in fields:
        path = f"{parent}{field.name}"
        if pa.types.is_struct(field.type):
            yield from _short_integers(field.type, f"{path}.")
        elif pa.types.is_list(field.type):
            yield from _short_integers(
                [field.type.value_field.with_name("element")], f"{path}.list."
            )
        elif pa.types.is_int16(field.type):
            yield path


class Spool:
    """Batches of one item, held back until the item has ended well.

    Parameters
    ----------
    file : binary stream
        Where they are held, empty at first; a temporary file bounds the memory they take.
    schema : pyarrow.Schema
        Of every batch.
    """

    def __init__(self, file: IO[bytes], schema: pa.Schema) -> None:
        self._file = file
        self._schema = schema
        self._writer = pa.ipc.new_stream(file, schema)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in one batch.

        Raises
        ------
        TypeError
            The batch is not of the schema.
        """
        if not batch.schema.equals(self._schema):
            raise TypeError(f"a batch of {batch.schema} where {self._schema} was declared")
        self._writer.write_batch(batch)

    def clear(self) -> None:
        """Drop the batches that were added."""
        self._writer.close()
        self._file.seek(0)
        self._file.truncate()
        self._writer = pa.ipc.new_stream(self._file, self._schema)

    def replay(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches in their order; once, after the last was added."""
        self._writer.close()
        self._file.seek(0)
        with pa.ipc.open_stream(self._file) as reader:
            yield from reader


def difference(storage: Storage, path: str, expected: FileFacts) -> str | None:
    """Read a data file whole; return what differs from what it must be, None if nothing does.

    A footer alone proves nothing: pyarrow writes one when an exception cuts a file short.

    Raises
    ------
    OSError
        The storage failed; FileNotFoundError if the file is missing.
    """
    hashed, size, end = hashlib.sha256(), 0, b""
    with storage.open(path) as stream:
        while block := stream.read(COPY_BYTES):
            hashed.update(block)
            size += len(block)
            end = block if len(block) >= COPY_BYTES else (end + block)[-COPY_BYTES:]
        if size != expected.bytes:
            return f"{size} bytes instead of {expected.bytes}"
        if hashed.hexdigest() != expected.sha256:
            return f"altered: SHA-256 {hashed.hexdigest()} instead of {expected.sha256}"
        rows = pq.read_metadata(
            stream if _footer_bytes(end) > len(end) else io.BytesIO(end)
        ).num_rows
    return None if rows == expected.rows else f"{rows} rows instead of {expected.rows}"


def _footer_bytes(end: bytes) -> int:
    """Return how many bytes at the end of a Parquet file are its footer, as these say."""
    return int.from_bytes(end[-8:-4], "little") + 8


def parquet_file(source: str | Path | BinaryIO | pa.NativeFile) -> pq.ParquetFile:
    """Open a Parquet file that is read without threads of Arrow's, if `use_threads` is False.

    A thread that outlives the interpreter aborts the process at its end, so ``pq.read_table``,
    whose threads cannot be turned off, and a file's ``pre_buffer`` are not used.

    Raises
    ------
    pyarrow.ArrowException, OSError
        It is no Parquet file, or its end is damaged.
    """
    return pq.ParquetFile(source, pre_buffer=False)


def read_table(storage: Storage, path: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a whole data file."""
    with storage.open(path) as stream, parquet_file(stream) as file:
        return file.read(columns=columns, use_threads=False)


def parse_table(data: bytes, schema: pa.Schema | None = None) -> pa.Table:
    """Return the table of a Parquet file that is in memory.

    Parameters
    ----------
    data : bytes
        The whole file.
    schema : pyarrow.Schema or None
        The columns to return; those that the file lacks are null.

    Raises
    ------
    pyarrow.ArrowException, OSError
        It is no Parquet file, or a damaged one.
    """
    with parquet_file(pa.BufferReader(data)) as file:
        if schema is None:
            return file.read(use_threads=False)
        there = [name for name in schema.names if name in file.schema_arrow.names]
        table = file.read(columns=there, use_threads=False)
    columns = [
        table[field.name].cast(field.type)
        if field.name in there
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def read_ranges(
    storage: Storage,
    paths: Mapping[int, str],
    ranges: Iterable[RowRange],
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Read ranges of rows, loading only the row groups that they touch.

    Parameters
    ----------
    storage : Storage
        The store's.
    paths : mapping of int to str
        Data file of each shard that the ranges name.
    ranges : iterable of RowRange
        In the order wanted; an open file serves the ranges that follow on it.
    columns : sequence of str or None
        Which; None for all.

    Returns
    -------
    pyarrow.Table
        The rows one range after the other.

    Raises
    ------
    ValueError
        A range goes beyond its shard, or there is none.
    """
    parts: list[pa.Table] = []
    with ExitStack() as opened:
        shard: int | None = None
        file: pq.ParquetFile | None = None
        for part in ranges:
            if file is None or part.shard != shard:
                opened.close()
                stream = opened.enter_context(storage.open(paths[part.shard]))
                file, shard = opened.enter_context(parquet_file(stream)), part.shard
            parts.append(_read_range(file, part, columns))
    if not parts:
        raise ValueError("no rows were asked for")
    return pa.concat_tables(parts)


def _read_range(file: pq.ParquetFile, part: RowRange, columns: Sequence[str] | None) -> pa.Table:
    if not 0 <= part.start < part.stop <= file.metadata.num_rows:
        raise ValueError(f"{part} is not in a shard of {file.metadata.num_rows} rows")
    wanted: list[int] = []
    first = begin = 0
    for number in range(file.metadata.num_row_groups):
        end = begin + file.metadata.row_group(number).num_rows
        if end > part.start and begin < part.stop:
            if not wanted:
                first = begin
            wanted.append(number)
        begin = end
    table = file.read_row_groups(wanted, columns=columns, use_threads=False)
    return table.slice(part.start - first, part.stop - part.start)
