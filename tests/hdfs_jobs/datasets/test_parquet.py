from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdfs_jobs.datasets import parquet
from hdfs_jobs.datasets.parquet import (
    FileFacts,
    ShardWriter,
    Spool,
    difference,
    parse_table,
    read_ranges,
    read_table,
)
from hdfs_jobs.datasets.plan import RowRange
from hdfs_jobs.datasets.store import Store

SCHEMA = pa.schema([("n", pa.int64()), ("wave", pa.list_(pa.int16()))])


def batch(numbers: list[int]) -> pa.RecordBatch:
    return pa.record_batch([numbers, [[n % 99] * (n % 5) for n in numbers]], schema=SCHEMA)


def written(numbers: list[int], cuts: list[int], group: int) -> tuple[bytes, FileFacts]:
    """Write rows in batches that end at the cuts."""
    out = io.BytesIO()
    places = [0, *sorted(cut % (len(numbers) + 1) for cut in cuts), len(numbers)]
    with ShardWriter(out, SCHEMA, group) as writer:
        for start, stop in pairwise(places):
            writer.write(batch(numbers[start:stop]))
        facts = writer.finish()
    return out.getvalue(), facts


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(-(2**60), 2**60), max_size=40),
    st.lists(st.integers(0, 100), max_size=6),
    st.integers(1, 9),
)
def test_the_same_rows_are_the_same_bytes(numbers: list[int], cuts: list[int], group: int) -> None:
    content, facts = written(numbers, cuts, group)
    assert content == written(numbers, [], group)[0]
    assert (facts.rows, facts.bytes) == (len(numbers), len(content))
    file = pq.ParquetFile(io.BytesIO(content))
    assert file.read()["n"].to_pylist() == numbers
    sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert all(size == group for size in sizes[:-1])


WAVES = st.lists(st.lists(st.integers(-(2**15), 2**15 - 1), max_size=300), min_size=1, max_size=9)


@settings(deadline=None, max_examples=50)
@given(WAVES, st.integers(1, 4))
def test_short_integers_are_kept_as_differences(waves: list[list[int]], group: int) -> None:
    inner = pa.struct([("wave", pa.list_(pa.int16())), ("n", pa.int64())])
    schema = pa.schema([("wave", pa.list_(pa.int16())), ("one", pa.int16()), ("in", inner)])
    rows = [{"wave": w, "one": len(w), "in": {"wave": w[::-1], "n": 1}} for w in waves]
    out = io.BytesIO()
    with ShardWriter(out, schema, group) as writer:
        writer.write(pa.RecordBatch.from_pylist(rows, schema))
        writer.finish()
    file = pq.ParquetFile(out)
    assert file.read().to_pylist() == rows
    columns = [file.metadata.row_group(0).column(n) for n in range(4)]
    short = ["DELTA_BINARY_PACKED" in column.encodings for column in columns]
    assert short == [True, True, True, False]


@settings(deadline=None)
@given(st.lists(st.integers(0, 100), max_size=20), st.integers(1, 2000))
def test_a_spool_gives_back_what_it_took(sizes: list[int], memory: int) -> None:
    batches = [batch(list(range(size))) for size in sizes]
    with tempfile.SpooledTemporaryFile(max_size=memory) as file:
        spool = Spool(file, SCHEMA)
        for each in batches:
            spool.add(each)
        assert list(spool.replay()) == batches


def test_a_spool_takes_only_its_schema() -> None:
    with tempfile.SpooledTemporaryFile() as file:
        spool = Spool(file, SCHEMA)
        with pytest.raises(TypeError, match="declared"):
            spool.add(pa.record_batch({"n": [1]}))


def publish(store: Store, path: str, numbers: list[int], group: int = 4) -> FileFacts:
    content, facts = written(numbers, [], group)
    store.storage.publish(path, content)
    return facts


def test_a_writer_that_fails_leaves_no_valid_file(store: Store) -> None:
    out = io.BytesIO()
    with pytest.raises(ZeroDivisionError), ShardWriter(out, SCHEMA, 2) as writer:
        writer.write(batch([1, 2, 3]))
        raise ZeroDivisionError
    with pytest.raises(pa.ArrowInvalid):
        pq.read_metadata(io.BytesIO(out.getvalue()))


def test_a_short_file_with_a_good_footer_is_found_out(store: Store) -> None:
    facts = publish(store, "whole", list(range(10)))
    publish(store, "short", list(range(8)))
    assert difference(store.storage, "whole", facts) is None
    assert "bytes instead of" in str(difference(store.storage, "short", facts))


@pytest.mark.parametrize("kept", [9, 100, 1000, 1 << 20])
@pytest.mark.parametrize("rows", [0, 1, 200])
def test_a_whole_file_is_good_whatever_is_kept_of_its_end(
    store: Store, kept: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = publish(store, "whole", list(range(rows)))
    monkeypatch.setattr(parquet, "COPY_BYTES", kept)
    assert difference(store.storage, "whole", facts) is None
    more = replace(facts, rows=rows + 1)
    assert difference(store.storage, "whole", more) == f"{rows} rows instead of {rows + 1}"


def test_one_altered_bit_is_found_out(store: Store) -> None:
    content, facts = written(list(range(10)), [], 4)
    for place in (4, len(content) // 2, len(content) - 5):
        store.storage.replace("file", content[:place] + b"\xaa" + content[place + 1 :])
        assert "SHA-256" in str(difference(store.storage, "file", facts))


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 19), st.integers(1, 20)),
        min_size=1,
        max_size=6,
    )
)
def test_ranges_of_rows(
    tmp_path_factory: pytest.TempPathFactory, wanted: list[tuple[int, int, int]]
) -> None:
    store = Store.open(str(tmp_path_factory.mktemp("ranges")), create=True)
    rows = {0: list(range(20)), 1: list(range(100, 120))}
    for number, numbers in rows.items():
        publish(store, f"{number}.parquet", numbers, group=3 + number)
    ranges = [RowRange(shard, start, min(20, start + n)) for shard, start, n in wanted]
    paths = {0: "0.parquet", 1: "1.parquet"}
    table = read_ranges(store.storage, paths, ranges, ["n"])
    expected = [n for part in ranges for n in rows[part.shard][part.start : part.stop]]
    assert table["n"].to_pylist() == expected
    assert table.column_names == ["n"]


@pytest.mark.parametrize(("start", "stop"), [(0, 11), (10, 11), (5, 5), (6, 5), (-1, 3)])
def test_a_range_beyond_the_shard_is_refused(store: Store, start: int, stop: int) -> None:
    publish(store, "file", list(range(10)))
    with pytest.raises(ValueError, match="is not in a shard of 10 rows"):
        read_ranges(store.storage, {0: "file"}, [RowRange(0, start, stop)])


def test_only_the_row_groups_wanted_are_read(store: Store) -> None:
    publish(store, "file", list(range(100)), group=10)
    content = bytearray(store.storage.read_bytes("file"))
    column = pq.ParquetFile(io.BytesIO(bytes(content))).metadata.row_group(5).column(0)
    start = column.data_page_offset
    content[start : start + column.total_compressed_size] = bytes(column.total_compressed_size)
    store.storage.replace("file", bytes(content))
    paths = {0: "file"}
    assert read_ranges(store.storage, paths, [RowRange(0, 38, 50)]).num_rows == 12
    with pytest.raises(OSError, match=r"deserialize|Corrupt|Couldn|rror"):
        read_ranges(store.storage, paths, [RowRange(0, 50, 51)])
    with pytest.raises(OSError, match=r"deserialize|Corrupt|Couldn|rror"):
        read_table(store.storage, "file")


def test_a_table_in_memory_is_read_whole_and_lacks_nothing() -> None:
    table = pa.table({"a": [1, 2, 3], "b": ["x", None, "z"]})
    packed = io.BytesIO()
    pq.write_table(table, packed)
    assert parse_table(packed.getvalue()).equals(table)
    wider = pa.schema([("a", pa.int64()), ("new", pa.string())])
    assert parse_table(packed.getvalue(), wider).column_names == ["a", "new"]
    for damaged in (b"", b"PAR1", packed.getvalue()[:-9]):
        with pytest.raises((pa.ArrowException, OSError)):
            parse_table(damaged)


READ_AND_COUNT_THREADS = """
import os, sys
from hdfs_jobs.datasets.parquet import parse_table, read_table
from hdfs_jobs.storage.local import LocalStorage
storage = LocalStorage(sys.argv[1])
before = os.listdir("/proc/self/task")
content = storage.read_bytes("table")
whole = parse_table(content)
tables = [whole, parse_table(content, whole.schema), read_table(storage, "table")]
print([table.num_rows for table in tables], os.listdir("/proc/self/task") == before)
"""


def test_reading_a_table_leaves_no_thread(tmp_path: Path) -> None:
    """A thread of Arrow's that outlives the interpreter aborts one process in hundreds."""
    columns = {f"c{n}": [f"text {row} {n}" for row in range(200)] for n in range(14)}
    pq.write_table(pa.table(columns), tmp_path / "table")
    command = [sys.executable, "-c", READ_AND_COUNT_THREADS, str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("[200, 200, 200] True\n", "", 0)
